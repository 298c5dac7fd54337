/* mounts.c - what is mounted and made beneath the container's root, before it becomes "/".
 *
 * Contract: targets are found and made by paths.c, so that no link of the image or of a shared volume leads to the host.
 *           A tree gets its flags while it is detached: there is no moment in which it is writable but should not be.
 * Source:   runtime-spec config.md "Mounts", config-linux.md "Devices", "Masked Paths"; open_tree(2), mount_setattr(2) (5.12).
 */
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int attach(int tree, int target)
{
	unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH_ | MOVE_MOUNT_T_EMPTY_PATH_;
	return syscall(NR_move_mount, tree, "", target, "", flags) < 0 ? -errno : 0;
}

static int clone_tree(int dirfd, const char *path, unsigned int flags)
{
	int tree = syscall(NR_open_tree, dirfd, path, flags | OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_);
	return tree < 0 ? -errno : tree;
}

static bool is_directory(int fd)
{
	struct stat found;
	return fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
}

/* The mount lies over what `target` was opened on, hence everything after it needs the path looked up anew. */
static int after_mount(struct birth *birth, const struct step *step, int below)
{
	CLEANUP_FD int top = bk_open_beneath(birth->root, at(birth->plan, step->s[0]), O_RDONLY | O_DIRECTORY);
	char path[32];

	if (top < 0)
		return top;
	bk_fd_path(path, top);
	if (step->n[1] && mount(NULL, path, NULL, step->n[1], NULL) < 0)
		return -errno;
	return step->flags & F_COPYUP ? bk_copy_tree(below, top) : 0;
}

/* "mode=…" of the directory that a tmpfs will cover, before the other options; a directory made for it has none to keep. */
static const char *mount_data(struct birth *birth, const struct step *step, char *room, size_t size)
{
	const char *data = at(birth->plan, step->s[3]);
	CLEANUP_FD int there = bk_open_beneath(birth->root, at(birth->plan, step->s[0]), O_PATH);
	struct stat found;

	if (!(step->flags & F_KEEPMODE) || there < 0 || fstat(there, &found) < 0)
		return data;
	if ((size_t)snprintf(room, size, "mode=%o%s%s", found.st_mode & 07777, *data ? "," : "", data) >= size)
		return data;
	return room;
}

int bk_step_MOUNT(struct birth *birth, const struct step *step)
{
	const char *where = at(birth->plan, step->s[0]);
	char path[32], room[4096];
	const char *data = mount_data(birth, step, room, sizeof(room));
	CLEANUP_FD int target = bk_make_beneath(birth->root, where, true);

	if (target < 0)
		return target;
	if (step->flags & F_NOFOLLOW) {	/* a link named /proc or /sys would carry away what is masked later */
		CLEANUP_FD int plain = bk_open_beneath(birth->root, where, O_PATH | O_NOFOLLOW | O_DIRECTORY);
		if (plain < 0)
			return plain;
	}
	bk_fd_path(path, target);
	if (mount(at(birth->plan, step->s[1]), path, at(birth->plan, step->s[2]), step->n[0], data) < 0)
		return -errno;
	return step->n[1] || (step->flags & F_COPYUP) ? after_mount(birth, step, target) : 0;
}

/* Before Linux 5.12: remounted once it is attached; only the topmost mount of a tree, as runtimes did then. */
static int set_old(int tree, unsigned long flags, unsigned long propagation)
{
	char path[32];

	bk_fd_path(path, tree);
	if (flags && mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
		return -errno;
	return propagation && mount(NULL, path, NULL, propagation | MS_REC, NULL) < 0 ? -errno : 0;
}

static int set_flags(int tree, const struct step *step)
{
	struct mount_attributes each = { .attr_set = step->n[0], .attr_clr = step->n[1] };
	struct mount_attributes all = { .propagation = step->n[2] };
	unsigned int recursive = step->flags & F_RATTR ? AT_RECURSIVE_ : 0;

	if ((each.attr_set || each.attr_clr) &&
	    syscall(NR_mount_setattr, tree, "", AT_EMPTY_PATH | recursive, &each, sizeof(each)) < 0)
		return -errno;
	if (all.propagation && syscall(NR_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE_, &all, sizeof(all)) < 0)
		return -errno;
	return 0;
}

int bk_step_BIND(struct birth *birth, const struct step *step)
{
	unsigned int recursive = step->flags & F_RECURSIVE ? AT_RECURSIVE_ : 0;
	CLEANUP_FD int tree = clone_tree(AT_FDCWD, at(birth->plan, step->s[1]), recursive);
	CLEANUP_FD int target = -1;
	int set, rc;

	if (tree < 0)
		return tree;
	target = bk_make_beneath(birth->root, at(birth->plan, step->s[0]), is_directory(tree));
	if (target < 0)
		return target;
	set = set_flags(tree, step);
	if (set < 0 && set != -ENOSYS)
		return set;
	rc = attach(tree, target);
	return rc == 0 && set == -ENOSYS ? set_old(tree, step->n[3], step->n[2]) : rc;
}

int bk_step_ATTRIBUTES(struct birth *birth, const struct step *step)
{
	struct mount_attributes attr = { .attr_set = step->n[0] };
	CLEANUP_FD int top = bk_open_beneath(birth->root, at(birth->plan, step->s[0]), O_PATH);

	if (top < 0)
		return top;
	if (syscall(NR_mount_setattr, top, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	return errno == ENOSYS ? set_old(top, step->n[1], 0) : -errno;
}

int bk_step_MKNOD(struct birth *birth, const struct step *step)
{
	const char *name;
	CLEANUP_FD int parent = bk_parent_beneath(birth->root, at(birth->plan, step->s[0]), &name);

	if (parent < 0)
		return parent;
	if (mknodat(parent, name, step->n[0], step->n[1]) < 0)
		return errno == EEXIST ? 0 : -errno;
	if ((step->n[2] || step->n[3]) && fchownat(parent, name, step->n[2], step->n[3], AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

int bk_step_SYMLINK(struct birth *birth, const struct step *step)
{
	const char *name;
	CLEANUP_FD int parent = bk_parent_beneath(birth->root, at(birth->plan, step->s[0]), &name);

	if (parent < 0)
		return parent;
	return symlinkat(at(birth->plan, step->s[1]), parent, name) < 0 && errno != EEXIST ? -errno : 0;
}

int bk_step_MKDIR(struct birth *birth, const struct step *step)
{
	CLEANUP_FD int made = bk_make_beneath(birth->root, at(birth->plan, step->s[0]), true);
	return made < 0 ? made : is_directory(made) ? 0 : -ENOTDIR;
}

/* A copy of ourselves in the container's own /dev: a memfd cannot be bound, and no disk of the host is asked. */
int bk_step_INIT(struct birth *birth, const struct step *step)
{
	struct mount_attributes attr = { .attr_set = MOUNT_ATTR_RDONLY_ };
	CLEANUP_FD int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int target = bk_make_beneath(birth->root, at(birth->plan, step->s[0]), false);
	CLEANUP_FD int home = bk_open_beneath(birth->root, at(birth->plan, step->s[1]), O_RDONLY | O_DIRECTORY);
	CLEANUP_FD int file = -1, tree = -1;
	struct stat size;
	int rc;

	if (target < 0 || home < 0)
		return target < 0 ? target : home;
	if (self < 0 || fstat(self, &size) < 0)
		return -errno;
	file = openat(home, ".init", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0755);
	if (file < 0 || sendfile(file, self, NULL, size.st_size) != size.st_size)
		return -errno;
	tree = clone_tree(home, ".init", 0);
	if (tree < 0)
		return tree;
	syscall(NR_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr));	/* nobody but this container has it */
	rc = attach(tree, target);
	return unlinkat(home, ".init", 0) < 0 ? -errno : rc;
}

/* The container's own /dev/null, if that is what it is (CVE-2025-31133: a link in its place), else the host's. */
static int null_tree(struct birth *birth)
{
	CLEANUP_FD int own = bk_open_beneath(birth->root, "/dev/null", O_PATH | O_NOFOLLOW);
	struct stat found;

	if (own >= 0 && fstat(own, &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3))
		return clone_tree(own, "", AT_EMPTY_PATH);
	return clone_tree(AT_FDCWD, "/dev/null", 0);
}

/* Read-only: else chmod of a masked file would be one of /dev/null, with a /dev of the host even of the host's. */
static int mask_file(struct birth *birth, int target)
{
	struct mount_attributes attr = { .attr_set = MOUNT_ATTR_RDONLY_ };
	CLEANUP_FD int null = null_tree(birth);
	int rc;

	if (null < 0)
		return null;
	if (syscall(NR_mount_setattr, null, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return attach(null, target);
	if (errno != ENOSYS)
		return -errno;
	rc = attach(null, target);
	return rc < 0 ? rc : set_old(null, MS_RDONLY, 0);
}

/* A file is covered by /dev/null, a directory by one empty tmpfs for all; what is missing needs no mask. */
int bk_step_MASK(struct birth *birth, const struct step *step)
{
	CLEANUP_FD int target = bk_open_beneath(birth->root, at(birth->plan, step->s[0]), O_PATH);
	CLEANUP_FD int copy = -1;
	char path[32];

	if (target < 0)
		return target == -ENOENT || target == -ENOTDIR ? 0 : target;
	if (!is_directory(target))
		return mask_file(birth, target);
	if (birth->masked >= 0) {
		copy = clone_tree(birth->masked, "", AT_EMPTY_PATH);
		return copy < 0 ? copy : attach(copy, target);
	}
	bk_fd_path(path, target);
	if (mount("tmpfs", path, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1") < 0)
		return -errno;
	birth->masked = bk_open_beneath(birth->root, at(birth->plan, step->s[0]), O_PATH);
	return birth->masked < 0 ? birth->masked : 0;
}

int bk_step_READONLY(struct birth *birth, const struct step *step)
{
	struct mount_attributes attr = { .attr_set = MOUNT_ATTR_RDONLY_ };
	CLEANUP_FD int target = bk_open_beneath(birth->root, at(birth->plan, step->s[0]), O_PATH);
	CLEANUP_FD int tree = -1;
	int rc;

	if (target < 0)
		return target == -ENOENT || target == -ENOTDIR ? 0 : target;
	tree = clone_tree(target, "", AT_EMPTY_PATH | AT_RECURSIVE_);
	if (tree < 0)
		return tree;
	if (syscall(NR_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE_, &attr, sizeof(attr)) == 0)
		return attach(tree, target);
	if (errno != ENOSYS)
		return -errno;
	rc = attach(tree, target);
	return rc < 0 ? rc : set_old(tree, MS_RDONLY, 0);
}
