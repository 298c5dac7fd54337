/* shim.h - what has no libc function in glibc 2.17, or must be one step.
 *
 * Contract: every function returns 0 or more, or -errno; allocates nothing that stays, keeps no state, logs nothing.
 * Only symbols of glibc 2.17: what is newer goes through syscall(2).
 */
#ifndef BK_SHIM_H
#define BK_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static inline void bk_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
/* The fd closes itself at the end of its scope. */
#define CLEANUP_FD __attribute__((cleanup(bk_close_fd)))

/* process.c */
int bk_spawn(int exe, const char *id, const int fds[], int count, int *pidfd);
int bk_pidfd_open(int pid);
int bk_pidfd_signal(int pidfd, int signal);
int bk_pidfd_reap(int pidfd, int nohang);

/* files.c */
int bk_memfd(const char *name);
int bk_openat2(int dirfd, const char *path, uint64_t flags, uint32_t mode, uint64_t resolve);
int bk_dup(int fd);
int bk_mknodat(int dirfd, const char *path, uint32_t mode, uint32_t major, uint32_t minor);

/* netns.c */
int bk_netns_new(int32_t *route);
int bk_netns_socket(int nsfd, int domain, int type, int protocol);
int bk_netns_write(int nsfd, const char *path, const void *data, size_t size);

/* iptables.c */
int bk_iptables_batch(int sock, const void *batch, size_t size, uint32_t last, uint32_t *refused);

/* cgroup.c */
int bk_cgroup_devices(const char *directory, const void *program, uint32_t count);

#endif
