/* copyup.c - "tmpcopyup": what lay beneath a new tmpfs is copied into it.
 *
 * Contract: copies directories, files, links and devices with owner and mode; works on fds, follows no link.
 * Source:   runtime-spec config.md, mount option "tmpcopyup".
 */
#include "monitor.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int own(int to, const char *name, const struct stat *as)
{
	if (fchownat(to, name, as->st_uid, as->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISLNK(as->st_mode) || fchmodat(to, name, as->st_mode & 07777, 0) == 0 ? 0 : -errno;
}

static int copy_file(int from, int to, const char *name)
{
	CLEANUP_FD int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_FD int out = openat(to, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t moved;

	if (in < 0 || out < 0)
		return -errno;
	while ((moved = sendfile(out, in, NULL, 1 << 30)) > 0)
		;
	return moved < 0 ? -errno : 0;
}

static int copy_link(int from, int to, const char *name)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(from, name, text, sizeof(text) - 1);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	return symlinkat(text, to, name) < 0 ? -errno : 0;
}

static int copy_directory(int from, int to, const char *name)
{
	CLEANUP_FD int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_FD int out = -1;

	if (in < 0 || mkdirat(to, name, 0700) < 0)
		return -errno;
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return out < 0 ? -errno : bk_copy_tree(in, out);
}

static int copy_entry(int from, int to, const char *name)
{
	struct stat found;
	int rc;

	if (fstatat(from, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(found.st_mode))
		rc = copy_directory(from, to, name);
	else if (S_ISREG(found.st_mode))
		rc = copy_file(from, to, name);
	else if (S_ISLNK(found.st_mode))
		rc = copy_link(from, to, name);
	else
		rc = mknodat(to, name, found.st_mode, found.st_rdev) < 0 ? -errno : 0;
	return rc < 0 ? rc : own(to, name, &found);
}

/* Copies what stands in the directory `from` into the directory `to`, and its own owner and mode. */
int bk_copy_tree(int from, int to)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *list = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	struct stat self;

	if (!list)
		return -errno;
	while (rc == 0 && (entry = readdir(list)) != NULL)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = copy_entry(again, to, entry->d_name);
	if (rc == 0 && (fstat(again, &self) < 0 || fchown(to, self.st_uid, self.st_gid) < 0 ||
			fchmod(to, self.st_mode & 07777) < 0))
		rc = -errno;
	closedir(list);
	return rc;
}
