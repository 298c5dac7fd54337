/* paths.c - find and make things beneath the container's root.
 *
 * Contract: every lookup is openat2(RESOLVE_IN_ROOT): "..", absolute links and links of the image that point out stay
 *           inside, also while another container renames in a shared volume (EAGAIN: tried again); magic links of a
 *           proc file system are not followed. Returns an O_PATH fd, or -errno.
 * Source:   openat2(2) (Linux 5.6); what is made on the way: runc's MkdirAllInRoot (directories 0755, files 0644).
 */
#include "monitor.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40

int bk_open_beneath(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)flags | O_CLOEXEC };
	int fd, tries = 0;

	how.resolve = RESOLVE_IN_ROOT_ | RESOLVE_NO_MAGICLINKS_;
	do {
		fd = syscall(NR_openat2, root, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 128)));
	return fd < 0 ? -errno : fd;
}

void bk_fd_path(char path[32], int fd)
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* `path`, whose part up to `length` is a link to nowhere, becomes the path that the link says. */
static int follow(int root, char *path, size_t length)
{
	char text[PATH_MAX], rest[PATH_MAX], head[PATH_MAX];
	const char *name;
	CLEANUP_FD int parent = -1;
	ssize_t said;

	snprintf(rest, sizeof(rest), "%s", path + length);
	path[length] = '\0';
	snprintf(head, sizeof(head), "%s", path);
	parent = bk_parent_beneath(root, head, &name);
	if (parent < 0)
		return parent;
	said = readlinkat(parent, name, text, sizeof(text) - 1);
	if (said < 0)
		return -errno;
	text[said] = '\0';
	head[name - head] = '\0';
	if ((size_t)snprintf(path, PATH_MAX, "%s%s%s", text[0] == '/' ? "" : head, text, rest) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

/* Makes the last name of `path`, whose parent exists. */
static int make_one(int root, const char *path, bool directory)
{
	const char *name;
	CLEANUP_FD int parent = bk_parent_beneath(root, path, &name);
	CLEANUP_FD int file = -1;

	if (parent < 0)
		return parent;
	if (directory)
		return mkdirat(parent, name, 0755) < 0 ? -errno : 0;
	file = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
	return file < 0 ? -errno : 0;
}

/* Makes what is missing of `path` from the left; a link to nowhere is followed by rewriting `path`. */
static int make_all(int root, char *path, bool directory)
{
	size_t end = 0;
	int links = 0;

	for (;;) {
		int fd, rc;
		char saved;
		bool last;

		end += strspn(path + end, "/");
		end += strcspn(path + end, "/");
		saved = path[end];
		path[end] = '\0';
		last = saved == '\0' || path[end + 1 + strspn(path + end + 1, "/")] == '\0';
		fd = bk_open_beneath(root, path[0] ? path : "/", O_PATH);
		rc = fd == -ENOENT ? make_one(root, path, last ? directory : true) : 0;
		path[end] = saved;
		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (fd >= 0 && last)
			return fd;
		if (fd >= 0)
			close(fd);
		if (rc == -EEXIST) {	/* a link to nowhere, or made by another this moment */
			if (++links > LINKS_MAX)
				return -ELOOP;
			rc = follow(root, path, end);
			end = 0;
			if (rc == -EINVAL)	/* no link: it is there now */
				return -EAGAIN;
		} else if (rc == 0 && last) {
			return bk_open_beneath(root, path, O_PATH);
		}
		if (rc < 0)
			return rc;
	}
}

/* The common case, in four calls: only the last name is missing. -ENOENT or -EEXIST: it is not that simple. */
static int make_last(int root, const char *path, bool directory)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	CLEANUP_FD int parent = -1;
	int fd;

	if (!slash || slash[1] == '\0' || (size_t)(slash - path) >= sizeof(above))
		return -ENOENT;
	snprintf(above, sizeof(above), "%.*s/", (int)(slash - path), path);
	parent = bk_open_beneath(root, above, O_PATH | O_DIRECTORY);
	if (parent < 0)
		return parent;
	if (directory && mkdirat(parent, slash + 1, 0755) < 0)
		return -errno;
	fd = openat(parent, slash + 1, directory ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC :
		    O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

/* Opens `path`; makes it first, as a directory or an empty file, when it is missing. */
int bk_make_beneath(int root, const char *path, bool directory)
{
	char copy[PATH_MAX];
	int fd = bk_open_beneath(root, path, O_PATH), tries = 0;

	if (fd != -ENOENT)
		return fd;
	fd = make_last(root, path, directory);
	if (fd == -EEXIST)
		fd = -ENOENT;
	while ((fd == -ENOENT && tries == 0) || (fd == -EAGAIN && tries < 8)) {
		if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
			return -ENAMETOOLONG;
		fd = make_all(root, copy, directory);
		tries++;
	}
	return fd;
}

/* The directory that `path` stands in, made when missing; *name is the last part, inside `path`. */
int bk_parent_beneath(int root, const char *path, const char **name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	*name = slash ? slash + 1 : path;
	if (length >= sizeof(parent) || **name == '\0')
		return -EINVAL;
	memcpy(parent, path, length);
	parent[length] = '\0';
	return bk_make_beneath(root, length ? parent : "/", true);
}
