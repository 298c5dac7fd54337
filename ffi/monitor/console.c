/* console.c - the terminal, or the pipes: standard input, output and error of the process.
 *
 * Contract: the terminal is born in the container's own devpts; master and slave go up to the monitor.
 * Source:   pts(4), ioctl_tty(2) TIOCGPTPEER (Linux 4.13: no path of the container is trusted for the slave).
 */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define PTMX_MAJOR 5
#define PTMX_MINOR 2

/* Neither a file of the image nor a device of another file system may stand in for the multiplexer. */
static int open_master(int root)
{
	int fd = bk_open_beneath(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	struct statfs fs;
	struct stat found;

	if (fd < 0)
		return fd;
	if (fstat(fd, &found) == 0 && found.st_rdev == makedev(PTMX_MAJOR, PTMX_MINOR) && S_ISCHR(found.st_mode) &&
	    fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC_)
		return fd;
	close(fd);
	return -ENOTTY;
}

static int bind_console(struct birth *birth, const char *where, int slave)
{
	CLEANUP_FD int target = bk_make_beneath(birth->root, where, false);
	CLEANUP_FD int tree = -1;
	char path[32];

	if (target < 0)
		return target;
	bk_fd_path(path, slave);
	tree = syscall(NR_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_);
	if (tree < 0)
		return -errno;
	return syscall(NR_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH_ | MOVE_MOUNT_T_EMPTY_PATH_) < 0 ? -errno : 0;
}

int bk_step_CONSOLE(struct birth *birth, const struct step *step)
{
	struct winsize size = { .ws_row = step->n[0], .ws_col = step->n[1] };
	CLEANUP_FD int opened = birth->root < 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int root = birth->root < 0 ? opened : birth->root, unlocked = 0, pair[2], rc;

	pair[0] = open_master(root);
	if (pair[0] < 0)
		return pair[0];
	if (ioctl(pair[0], TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	pair[1] = ioctl(pair[0], TIOCGPTPEER_, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pair[1] < 0)
		return -errno;
	if ((size.ws_row || size.ws_col) && ioctl(pair[1], TIOCSWINSZ, &size) < 0)
		return -errno;
	if (step->s[0]) {
		rc = bind_console(birth, at(birth->plan, step->s[0]), pair[1]);
		if (rc < 0)
			return rc;
	}
	for (int i = 0; i < 3; i++)
		birth->stdio[i] = pair[1];
	return bk_birth_send_fds(birth, BIRTH_TERMINAL, pair, 2);
}

/* From here on there are 0, 1, 2 and the link: nothing of the host can be reached by an fd. The monitor is told: who ends
 * without this word was killed in the middle. */
int bk_step_STDIO(struct birth *birth, const struct step *step)
{
	const struct plan *plan = birth->plan;
	struct birth_report ready = { .type = BIRTH_CONFINED };
	int link = FD_CONTROL;

	(void)step;
	if (setsid() < 0 && errno != EPERM)
		return -errno;
	for (int fd = 0; fd < 3; fd++) {
		struct stat found;

		if (dup2(birth->stdio[fd], fd) < 0)
			return -errno;
		if (fstat(fd, &found) == 0 && (S_ISFIFO(found.st_mode) || (plan->flags & PLAN_TTY)) &&
		    (plan->uid || plan->gid) && fchown(fd, plan->uid, plan->flags & PLAN_TTY ? (gid_t)-1 : plan->gid) < 0)
			return -errno;
	}
	if ((plan->flags & PLAN_TTY) && ioctl(0, TIOCSCTTY, 0) < 0)
		return -errno;
	if (dup3(birth->link, link, O_CLOEXEC) < 0 && birth->link != link)
		return -errno;
	birth->link = link;
	birth->root = birth->masked = -1;
	if (syscall(NR_close_range, link + 1, ~0U, 0) < 0)	/* before Linux 5.9: one by one */
		for (int fd = link + 1; fd < 4096; fd++)
			close(fd);
	return send(link, &ready, sizeof(ready), MSG_NOSIGNAL) < 0 ? -errno : 0;
}
