/* rootfs.c - the container's root: mounted, filled by mounts.c, and in the end made "/".
 *
 * Contract: runs in the child's own mount namespace; `birth->root` is an O_PATH fd of the new root afterwards.
 * Source:   fsopen(2), fsconfig(2), fsmount(2), move_mount(2) (Linux 5.2), overlayfs.rst "lowerdir+" (6.7), pivot_root(2).
 */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int bk_step_PROPAGATION(struct birth *birth, const struct step *step)
{
	return mount(NULL, at(birth->plan, step->s[0]), NULL, step->n[0], NULL) < 0 ? -errno : 0;
}

static int move_to(int tree, const char *staging)
{
	return syscall(NR_move_mount, tree, "", AT_FDCWD, staging, MOVE_MOUNT_F_EMPTY_PATH_) < 0 ? -errno : 0;
}

static int set(int fs, const char *key, const char *value)
{
	if (strlen(value) >= FSCONFIG_STRING_LIMIT)
		return -EINVAL;
	return syscall(NR_fsconfig, fs, FSCONFIG_SET_STRING_, key, value, 0) < 0 ? -errno : 0;
}

/* One fsconfig a layer: no limit of one page, no character that must be quoted. */
static int overlay_new(struct birth *birth, const struct step *step)
{
	const uint32_t *lowers = at(birth->plan, step->n[0]);
	CLEANUP_FD int fs = syscall(NR_fsopen, "overlay", FSOPEN_CLOEXEC_);
	int rc = fs < 0 ? -errno : set(fs, "source", "overlay"), tree;

	for (uint64_t i = 0; i < step->n[1] && rc == 0; i++)
		rc = set(fs, "lowerdir+", at(birth->plan, lowers[i]));
	if (rc == 0)
		rc = set(fs, "upperdir", at(birth->plan, step->s[1]));
	if (rc == 0)
		rc = set(fs, "workdir", at(birth->plan, step->s[2]));
	if (rc == 0)
		rc = set(fs, "index", "off");
	if (rc == 0 && (step->flags & F_VOLATILE))
		rc = syscall(NR_fsconfig, fs, FSCONFIG_SET_FLAG_, "volatile", NULL, 0) < 0 ? -errno : 0;
	if (rc == 0)
		rc = syscall(NR_fsconfig, fs, FSCONFIG_CMD_CREATE_, NULL, NULL, 0) < 0 ? -errno : 0;
	if (rc < 0)
		return rc;
	tree = syscall(NR_fsmount, fs, FSMOUNT_CLOEXEC_, 0);
	if (tree < 0)
		return -errno;
	birth->root = tree;
	return move_to(tree, at(birth->plan, step->s[0]));
}

/* All in one page of options: layers are named by fds, 17 bytes each, so that 200 fit and nothing must be quoted. */
static int overlay_old(struct birth *birth, const struct step *step)
{
	const uint32_t *lowers = at(birth->plan, step->n[0]);
	const char *staging = at(birth->plan, step->s[0]);
	char data[4096];
	size_t used = 0;
	int fd;

	for (uint64_t i = 0; i < step->n[1] + 2; i++) {
		const char *key = i < step->n[1] ? (i ? ":" : "lowerdir=") : i == step->n[1] ? ",upperdir=" : ",workdir=";
		uint32_t where = i < step->n[1] ? lowers[i] : i == step->n[1] ? step->s[1] : step->s[2];

		fd = open(at(birth->plan, where), O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		used += snprintf(data + used, sizeof(data) - used, "%s/proc/self/fd/%d", key, fd);
		if (used >= sizeof(data))
			return -E2BIG;
	}
	used += snprintf(data + used, sizeof(data) - used, "%s", step->flags & F_VOLATILE ? ",volatile" : "");
	if (used >= sizeof(data))
		return -E2BIG;
	if (mount("overlay", staging, "overlay", 0, data) < 0)
		return -errno;
	birth->root = open(staging, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return birth->root < 0 ? -errno : 0;
}

/* EINVAL and ENOSYS: no "lowerdir+", a path too long for fsconfig, no "index"; the old way says what is really wrong. */
int bk_step_OVERLAY(struct birth *birth, const struct step *step)
{
	int rc = overlay_new(birth, step);

	if (rc == -EINVAL || rc == -ENOSYS)
		return overlay_old(birth, step);
	return rc;
}

int bk_step_ROOT(struct birth *birth, const struct step *step)
{
	unsigned int flags = OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_ | (step->flags & F_RECURSIVE ? AT_RECURSIVE_ : 0);

	birth->root = syscall(NR_open_tree, AT_FDCWD, at(birth->plan, step->s[1]), flags);
	if (birth->root < 0)
		return -errno;
	return move_to(birth->root, at(birth->plan, step->s[0]));
}

int bk_step_READONLY_ROOT(struct birth *birth, const struct step *step)
{
	struct mount_attributes attr = { .attr_set = MOUNT_ATTR_RDONLY_ };
	char path[32];

	(void)step;
	if (syscall(NR_mount_setattr, birth->root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno != ENOSYS)
		return -errno;
	bk_fd_path(path, birth->root);
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 ? -errno : 0;
}

/* The monitor gets the namespace too: taking its mounts apart, and syncing, waits until the exit has been told.
 * "." over ".": the old root lies on top of the new one, is told to send nothing to the host, and goes. */
int bk_step_PIVOT(struct birth *birth, const struct step *step)
{
	int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);	/* the host's /proc, which is about to go */
	int fds[2] = { birth->root, mounts };

	if (fchdir(birth->root) < 0)
		return -errno;
	if (step->flags & F_MOVE) {	/* the host's root is an initramfs, which cannot be pivoted */
		if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
			return -errno;
	} else {
		if (syscall(SYS_pivot_root, ".", ".") < 0)
			return -errno;
		if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0)
			return -errno;
	}
	if (chdir("/") < 0)
		return -errno;
	if (step->n[0] && mount(NULL, "/", NULL, step->n[0], NULL) < 0)
		return -errno;
	return bk_birth_send_fds(birth, BIRTH_ROOT, fds, mounts < 0 ? 1 : 2);
}
