/* main.c - the process beside a container: starts it, holds its streams, tells how it ended.
 *
 * Contract: `bunker monitor ID` with the control socket as fd 3 and the plan as fd 4; `docker-init -- cmd` is init.c.
 *           Lives on without the daemon, ends by itself; all state is in one struct monitor.
 * Source:   clone(2) clone3 (Linux 5.3), prctl(2) PR_SET_CHILD_SUBREAPER, unix(7) SCM_RIGHTS.
 */
#include "monitor.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SOCKET_NAME "monitor.sock"

_Noreturn static void fail(uint32_t index, int error)
{
	struct message message = { .type = MESSAGE_FAILED, .value = error, .index = index };

	send(FD_CONTROL, &message, sizeof(message), MSG_NOSIGNAL);
	_exit(1);
}

static const struct plan *read_plan(void)
{
	struct stat size;
	const struct plan *plan;

	if (fstat(FD_PLAN, &size) < 0)
		fail(FAILED_PLAN, errno);
	plan = mmap(NULL, size.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, FD_PLAN, 0);
	if (plan == MAP_FAILED)
		fail(FAILED_PLAN, errno);
	if ((size_t)size.st_size < sizeof(*plan) || plan->magic != PLAN_MAGIC || plan->size != size.st_size)
		fail(FAILED_PLAN, EINVAL);
	close(FD_PLAN);
	return plan;
}

/* Pages are taken when they are touched: a container that prints nothing costs none. */
static void take_memory(struct monitor *monitor)
{
	size_t source = LINE + CHUNK, total = 2 * source + INPUT + LOG_BUFFER;
	char *memory = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fail(FAILED_STDIO, errno);
	monitor->memory = memory;
	monitor->sources[0].buffer = memory;
	monitor->sources[1].buffer = memory + source;
	monitor->input_buffer = memory + 2 * source;
	monitor->log.buffer = memory + 2 * source + INPUT;
}

static void take_plan(struct monitor *monitor, const struct plan *plan)
{
	const struct attach *attach = at(plan, plan->attach);

	monitor->flags = plan->flags;
	monitor->state_dir = plan->state_dir;
	monitor->log.fd = plan->log_fd;
	monitor->log.max_size = plan->log_max_size;
	monitor->log.max_files = plan->log_max_files;
	if (plan->log_fd >= 0) {
		struct stat found;

		monitor->log.path = strdup(at(plan, plan->log_path));
		monitor->log.size = fstat(plan->log_fd, &found) == 0 ? (uint64_t)found.st_size : 0;
	}
	monitor->kill_file = plan->kill_file ? strdup(at(plan, plan->kill_file)) : NULL;
	bk_client_add(monitor, FD_CONTROL, CLIENT_CONTROL, 0);
	for (uint32_t i = 0; i < plan->attach_count; i++)
		bk_client_add(monitor, attach[i].fd, CLIENT_ATTACHED, attach[i].streams);
}

/* Close-on-exec for what was inherited: only what the plan hands over may reach the container. */
static void seal_fds(void)
{
	if (syscall(NR_close_range, FD_CONTROL, ~0U, 1 << 2) < 0)
		for (int fd = FD_CONTROL; fd < 64; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void open_stdio(struct monitor *monitor, struct birth *birth)
{
	int pair[2];

	monitor->input = monitor->slave = -1;
	for (int i = 0; i < 2; i++)
		monitor->sources[i].fd = -1, monitor->sources[i].stream = i + 1;
	for (int i = 0; i < 3; i++)
		birth->stdio[i] = STDIN_FILENO;		/* /dev/null */
	if (monitor->flags & PLAN_TTY)
		return;
	if (monitor->flags & PLAN_OPEN_STDIN) {
		if (pipe2(pair, O_CLOEXEC) < 0)
			fail(FAILED_STDIO, errno);
		birth->stdio[0] = pair[0];
		monitor->input = pair[1];
		fcntl(monitor->input, F_SETFL, O_NONBLOCK);
	}
	for (int i = 0; i < 2; i++) {
		if (pipe2(pair, O_CLOEXEC) < 0)
			fail(FAILED_STDIO, errno);
		birth->stdio[i + 1] = pair[1];
		monitor->sources[i].fd = pair[0];
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	}
}

/* Bound by the fd's path, since a state folder's own path may be longer than a socket's address. */
static void listen_in_state(struct monitor *monitor)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	monitor->listener = -1;
	if (monitor->state_dir < 0)
		return;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, monitor->state_dir);
	unlinkat(monitor->state_dir, SOCKET_NAME, 0);
	monitor->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (monitor->listener < 0 || bind(monitor->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(monitor->listener, CLIENTS) < 0)
		fail(FAILED_STDIO, errno);
}

static void take_signals(struct monitor *monitor)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	monitor->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (monitor->signals < 0)
		fail(FAILED_STDIO, errno);
}

static void start(struct monitor *monitor, struct birth *birth)
{
	const struct plan *plan = birth->plan;
	struct clone_args args = { .flags = plan->clone_flags | CLONE_PIDFD_, .exit_signal = SIGCHLD };
	int link[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0)
		fail(FAILED_STDIO, errno);
	if (plan->join >= 0 && setns(plan->join, NEW_NAMESPACE_PID) < 0)
		fail(FAILED_JOIN, errno);
	args.pidfd = (uintptr_t)&monitor->pidfd;
	if (plan->cgroup_dir >= 0) {
		args.flags |= CLONE_INTO_CGROUP_;
		args.cgroup = plan->cgroup_dir;
	}
	monitor->pid = syscall(NR_clone3, &args, sizeof(args));
	if (monitor->pid < 0)
		fail(FAILED_CLONE, errno);
	birth->link = link[monitor->pid == 0];
	if (monitor->pid == 0)
		bk_birth(birth);
	close(link[1]);
	for (uint32_t i = 0; i < plan->birth_fd_count; i++)
		close(plan->birth_fd + i);
	for (int i = 0; i < 3; i++)
		if (birth->stdio[i] > STDERR_FILENO)
			close(birth->stdio[i]);
}

static void take_fds(struct monitor *monitor, const struct birth_report *report, struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fds[2] = { -1, -1 };

	if (!header || header->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	if (report->type == BIRTH_ROOT) {
		monitor->root = fds[0];
		monitor->mounts = fds[1];
		return;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	monitor->input = monitor->sources[0].fd = fds[0];
	monitor->slave = fds[1];
}

/* Waits until the link ends; returns the bytes of the trace. */
static uint32_t wait_for_birth(struct monitor *monitor, int link, uint32_t *trace, uint32_t room)
{
	struct birth_report report;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov[2] = { { &report, sizeof(report) }, { trace, room } };
	uint32_t traced = 0;
	bool confined = false;

	for (;;) {
		struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.room };
		ssize_t got;

		message.msg_controllen = sizeof(control.room);
		got = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof(report))
			break;
		if (report.type == BIRTH_FAILED) {
			waitpid(monitor->pid, NULL, __WALL);
			fail(report.index, report.error);
		}
		if (report.type == BIRTH_TRACE)
			traced = got - sizeof(report);
		else if (report.type == BIRTH_CONFINED)
			confined = true;
		else
			take_fds(monitor, &report, &message);
	}
	if (!confined) {
		waitpid(monitor->pid, NULL, __WALL);
		fail(FAILED_DIED, EINTR);
	}
	close(link);
	return traced;
}

static void tell_started(struct monitor *monitor, const struct plan *plan, int link)
{
	uint32_t room = plan->flags & PLAN_TRACE ? plan->step_count * 4 : 0, trace[plan->step_count + 1];
	struct message message = { .type = MESSAGE_STARTED, .value = monitor->pid };
	struct iovec iov[2] = { { &message, sizeof(message) }, { trace, 0 } };
	struct msghdr whole = { .msg_iov = iov, .msg_iovlen = 2 };

	message.length = wait_for_birth(monitor, link, trace, room);
	iov[1].iov_len = message.length;
	sendmsg(FD_CONTROL, &whole, MSG_NOSIGNAL);
}

static void ignore_signals(void)
{
	const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
}

int main(int argc, char **argv)
{
	struct monitor monitor = { .root = -1 };
	struct birth birth = { .root = -1, .masked = -1 };
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (name && strcmp(name, "/docker-init") == 0)
		return bk_init(argc, argv);
	prctl(PR_SET_NAME, "bunker-monitor");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	birth.plan = read_plan();
	seal_fds();
	take_memory(&monitor);
	take_plan(&monitor, birth.plan);
	open_stdio(&monitor, &birth);
	take_signals(&monitor);
	start(&monitor, &birth);
	ignore_signals();
	listen_in_state(&monitor);
	tell_started(&monitor, birth.plan, birth.link);
	munmap((void *)birth.plan, birth.plan->size);
	bk_loop(&monitor);
	return 0;
}
