/* files.c - file calls that glibc 2.17 does not have.
 *
 * Contract: see shim.h. Every fd is close-on-exec.
 * Source:   openat2(2) (Linux 5.6), memfd_create(2).
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_memfd_create
#define SYS_memfd_create 319
#endif
#define MFD_CLOEXEC_ 1U

struct how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

int bk_memfd(const char *name)
{
	int fd = syscall(SYS_memfd_create, name, MFD_CLOEXEC_);
	return fd < 0 ? -errno : fd;
}

/* EAGAIN means that a rename raced with a ".." of RESOLVE_IN_ROOT: tried again, as openat2(2) asks for. */
int bk_openat2(int dirfd, const char *path, uint64_t flags, uint32_t mode, uint64_t resolve)
{
	struct how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
	int fd, tries = 0;

	do {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 128)));
	return fd < 0 ? -errno : fd;
}

int bk_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? -errno : copy;
}

int bk_mknodat(int dirfd, const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	return syscall(SYS_mknodat, dirfd, path, mode, makedev(major, minor)) < 0 ? -errno : 0;
}
