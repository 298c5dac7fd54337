/* netns.c - network namespaces, made and entered by a child that ends with the call.
 *
 * The daemon has many threads and none of them may move. So each errand runs in a child that shares memory and
 * descriptors (CLONE_VM | CLONE_FILES) but not namespaces, while the caller waits; what comes back is a descriptor
 * that works from anywhere. No pthread: its symbols are newer than glibc 2.17.
 *
 * Contract: a file descriptor (CLOEXEC) or 0, or -errno. Keeps no state, logs nothing.
 * Source:   clone(2), unshare(2), setns(2), network_namespaces(7).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

#define STACK 16384

struct errand {
	int (*run)(struct errand *errand);
	int nsfd;		/* the namespace to enter; -1: a new one */
	int domain, type, protocol;
	const char *path;
	const void *data;
	size_t size;
	int32_t *route;
	int result;
};

static int walk(void *arg)
{
	struct errand *errand = arg;
	int rc = errand->nsfd < 0 ? unshare(CLONE_NEWNET) : setns(errand->nsfd, CLONE_NEWNET);

	errand->result = rc < 0 ? -errno : errand->run(errand);
	return 0;
}

/* Runs the errand in a child that takes no signals: a handler of ours must not run twice in one memory. */
static int send_out(struct errand *errand)
{
	_Alignas(16) char stack[STACK];
	sigset_t all, old;
	int rc, pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = clone(walk, stack + STACK, CLONE_VM | CLONE_FILES | CLONE_VFORK, errand);
	rc = pid < 0 ? -errno : errand->result;
	sigprocmask(SIG_SETMASK, &old, NULL);
	while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return rc;
}

static int open_socket(struct errand *errand)
{
	int fd = socket(errand->domain, errand->type | SOCK_CLOEXEC, errand->protocol);

	return fd < 0 ? -errno : fd;
}

static int open_namespace(struct errand *errand)
{
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (ns < 0)
		return -errno;
	*errand->route = open_socket(errand);
	if (*errand->route < 0) {
		close(ns);
		return *errand->route;
	}
	return ns;
}

static int write_file(struct errand *errand)
{
	CLEANUP_FD int fd = open(errand->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, errand->data, errand->size) == (ssize_t)errand->size ? 0 : -errno;
}

/* A new namespace; *route becomes a NETLINK_ROUTE socket that lives in it. Both are the caller's to close. */
int bk_netns_new(int32_t *route)
{
	struct errand errand = {
		.run = open_namespace, .nsfd = -1, .route = route,
		.domain = AF_NETLINK, .type = SOCK_RAW, .protocol = NETLINK_ROUTE,
	};

	return send_out(&errand);
}

/* socket(2) in the namespace nsfd. */
int bk_netns_socket(int nsfd, int domain, int type, int protocol)
{
	struct errand errand = {
		.run = open_socket, .nsfd = nsfd, .domain = domain, .type = type, .protocol = protocol,
	};

	return send_out(&errand);
}

/* Writes a file below /proc/sys/net as the namespace nsfd has it: it follows the writer's own namespace. */
int bk_netns_write(int nsfd, const char *path, const void *data, size_t size)
{
	struct errand errand = { .run = write_file, .nsfd = nsfd, .path = path, .data = data, .size = size };

	return send_out(&errand);
}
