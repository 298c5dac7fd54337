/* confine.c - what the process may: identity, capabilities, system calls; then the program itself.
 *
 * Contract: every step is final; the order is the plan's (runtime-spec; runc's standard_init_linux.go).
 * Source:   capabilities(7), credentials(7), seccomp(2), getcwd(2).
 */
#include "monitor.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define LAST_POSSIBLE_CAPABILITY 63

int bk_step_NO_NEW_PRIVILEGES(struct birth *birth, const struct step *step)
{
	(void)birth, (void)step;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int bk_step_SECCOMP(struct birth *birth, const struct step *step)
{
	struct sock_fprog_ program = { .count = step->n[1], .filter = at(birth->plan, step->n[0]) };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER_, (int)step->n[2], &program) < 0 ? -errno : 0;
}

int bk_step_BOUNDING(struct birth *birth, const struct step *step)
{
	(void)birth;
	for (int cap = 0; cap <= LAST_POSSIBLE_CAPABILITY; cap++)
		if (!(step->n[0] >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno;	/* EINVAL: past the last one of this kernel */
	return 0;
}

/* Raw calls: musl's would signal threads, and there are none. Capabilities are kept until CAPABILITIES says which stay. */
int bk_step_USER(struct birth *birth, const struct step *step)
{
	uint32_t uid = step->n[0], gid = step->n[1];

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_setgroups, (int)step->n[3], at(birth->plan, step->n[2])) < 0)
		return -errno;
	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ? -errno : 0;
}

int bk_step_CAPABILITIES(struct birth *birth, const struct step *step)
{
	struct cap_header header = { .version = CAPABILITY_VERSION_3 };
	struct cap_data data[2];

	(void)birth;
	for (int half = 0; half < 2; half++)
		data[half] = (struct cap_data){
			.effective = step->n[0] >> (32 * half),
			.permitted = step->n[1] >> (32 * half),
			.inheritable = step->n[2] >> (32 * half),
		};
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int cap = 0; cap <= LAST_POSSIBLE_CAPABILITY; cap++)
		if (step->n[3] >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

int bk_step_UMASK(struct birth *birth, const struct step *step)
{
	(void)birth;
	umask((mode_t)step->n[0]);
	return 0;
}

/* A working directory outside the root, reached by a leaked fd, has no path that begins with "/" (CVE-2024-21626). */
int bk_step_CHDIR(struct birth *birth, const struct step *step)
{
	char path[PATH_MAX];

	if (birth->at_cwd)
		return 0;
	if (chdir(at(birth->plan, step->s[0])) < 0)
		return errno == EACCES && (step->flags & F_OPTIONAL) ? 0 : -errno;
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return -errno;
	if (path[0] != '/')
		return -ENOENT;
	birth->at_cwd = true;
	return 0;
}

static int runnable(const char *path)
{
	struct stat found;

	if (stat(path, &found) < 0)
		return -errno;
	if (S_ISDIR(found.st_mode))
		return -EISDIR;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 || !(found.st_mode & 0111) ? -EACCES : 0;
}

/* As Go's exec.LookPath: with a slash the path itself decides, else the first runnable file of PATH; none: ENOENT. */
int bk_step_LOOKUP(struct birth *birth, const struct step *step)
{
	const char *name = at(birth->plan, step->s[0]), *path = at(birth->plan, step->s[1]);
	size_t room = PATH_MAX;

	birth->program = malloc(room);
	if (!birth->program)
		return -ENOMEM;
	if (strchr(name, '/')) {
		if ((size_t)snprintf(birth->program, room, "%s", name) >= room)
			return -ENAMETOOLONG;
		return runnable(name);
	}
	while (path && *path) {
		int length = strcspn(path, ":");
		int used = snprintf(birth->program, room, "%.*s/%s", length, length ? path : ".", name);

		if (length == 0)
			used = snprintf(birth->program, room, "./%s", name);
		if (used > 0 && (size_t)used < room && *name && runnable(birth->program) == 0)
			return 0;
		path += length + (path[length] == ':');
	}
	return -ENOENT;
}

static char **strings(const struct plan *plan, uint64_t offset, uint64_t count)
{
	const uint32_t *offsets = at(plan, offset);
	char **list = calloc(count + 1, sizeof(*list));

	for (uint64_t i = 0; list && i < count; i++)
		list[i] = (char *)at(plan, offsets[i]);
	return list;
}

/* The program was found, so the container counts as started; what is wrong with it is its own standard error's. */
int bk_step_EXEC(struct birth *birth, const struct step *step)
{
	char **argv = strings(birth->plan, step->n[0], step->n[1]);
	char **envp = strings(birth->plan, step->n[2], step->n[3]);
	int error;

	if (!argv || !envp)
		return -ENOMEM;
	execve(birth->program, argv, envp);
	error = errno;
	dprintf(STDERR_FILENO, "exec %s: %s\n", birth->program,
		error == ENOEXEC ? "exec format error" : error == ENOENT ? "no such file or directory" :
		error == EACCES ? "permission denied" : strerror(error));
	_exit(255);
}
