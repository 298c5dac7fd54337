/* kernel.h - what Linux has and musl's headers have not. Numbers only; source: linux/include/uapi. */
#ifndef BK_KERNEL_H
#define BK_KERNEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* These numbers are the same on every architecture. */
#define NR_open_tree 428
#define NR_move_mount 429
#define NR_fsopen 430
#define NR_fsconfig 431
#define NR_fsmount 432
#define NR_clone3 435
#define NR_close_range 436
#define NR_openat2 437
#define NR_mount_setattr 442
#define NR_pidfd_send_signal 424

#define NEW_NAMESPACE_PID 0x20000000
#define CLONE_PIDFD_ 0x00001000ULL
#define CLONE_INTO_CGROUP_ 0x200000000ULL	/* Linux 5.7 */

struct clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

struct open_how {
	uint64_t flags, mode, resolve;
};
#define RESOLVE_NO_MAGICLINKS_ 0x02
#define RESOLVE_IN_ROOT_ 0x10

struct mount_attributes {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};
#define MOUNT_ATTR_RDONLY_ 0x01ULL
#define AT_RECURSIVE_ 0x8000
#define OPEN_TREE_CLONE_ 1
#define OPEN_TREE_CLOEXEC_ 02000000
#define MOVE_MOUNT_F_EMPTY_PATH_ 0x04
#define MOVE_MOUNT_T_EMPTY_PATH_ 0x40
#define FSOPEN_CLOEXEC_ 1
#define FSMOUNT_CLOEXEC_ 1
#define FSCONFIG_SET_FLAG_ 0
#define FSCONFIG_SET_STRING_ 1
#define FSCONFIG_CMD_CREATE_ 6
#define FSCONFIG_STRING_LIMIT 256	/* longer strings are EINVAL */

struct sock_fprog_ {
	uint16_t count;
	const void *filter;
};
#define SECCOMP_SET_MODE_FILTER_ 1

struct cap_header {
	uint32_t version;
	int pid;
};
struct cap_data {
	uint32_t effective, permitted, inheritable;
};
#define CAPABILITY_VERSION_3 0x20080522
#define KEYCTL_JOIN_SESSION_KEYRING_ 1
#define TIOCGPTPEER_ 0x5441
#define DEVPTS_SUPER_MAGIC_ 0x1cd1

/* The fd closes itself at the end of its scope. */
static inline void bk_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEANUP_FD __attribute__((cleanup(bk_close_fd)))

#endif
