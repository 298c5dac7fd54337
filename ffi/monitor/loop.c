/* loop.c - one poll loop over the container's streams, its end, and who is connected.
 *
 * Contract: returns when the container has ended, its status is told and written, and its output is through.
 *           Whoever keeps a pipe open after the end (host pid namespace, exec in the background) is waited for two
 *           seconds, as Docker does; a reader that takes nothing for ten seconds after the end is dropped.
 */
#include "monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#define OUTPUT_GRACE 2000
#define READER_GRACE 10000
#define IDLE 1000
#define FIXED 5			/* signals, listener, two sources, input */

int64_t bk_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* What shares the pids of the host, or of another container, does not end with its first process. As runc does. */
static void kill_rest(const char *procs)
{
	char text[4096], *line;

	for (int tries = 0; tries < 100; tries++) {
		CLEANUP_FD int fd = open(procs, O_RDONLY | O_CLOEXEC);
		ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

		if (got <= 0)
			return;
		text[got] = '\0';
		for (line = text; *line && strchr(line, '\n'); line = strchr(line, '\n') + 1)
			kill(atoi(line), SIGKILL);
		usleep(1000);
	}
}

static void take_exit(struct monitor *monitor, const siginfo_t *info)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	monitor->exited = true;
	monitor->exit_time = now.tv_sec * 1000000000LL + now.tv_nsec;
	monitor->code = info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
	if (monitor->kill_file)
		kill_rest(monitor->kill_file);
	monitor->deadline = bk_milliseconds() + OUTPUT_GRACE;
	bk_close_fd(&monitor->slave);
	monitor->slave = -1;
}

/* Ours, and the orphans of a container without a pid namespace of its own: we are their subreaper. */
static void reap(struct monitor *monitor)
{
	struct signalfd_siginfo drained;
	siginfo_t info;

	while (read(monitor->signals, &drained, sizeof(drained)) > 0)
		;
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
			return;
		if (info.si_pid == monitor->pid)
			take_exit(monitor, &info);
	}
}

/* Whole or not at all for a daemon of this boot; no fsync, since nobody reads it after the next one (state.ts "boot"). */
static void write_exit_file(struct monitor *monitor)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "%d %lld\n", monitor->code, (long long)monitor->exit_time);
	CLEANUP_FD int fd = openat(monitor->state_dir, "exit.new", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, length) != length)
		return;
	renameat(monitor->state_dir, "exit.new", monitor->state_dir, "exit");
}

/* The daemon first: it is waiting; then the disk, for a daemon that comes later. */
static void tell_exit(struct monitor *monitor)
{
	struct message message = { .type = MESSAGE_EXITED, .value = monitor->code, .time = monitor->exit_time };

	bk_log_flush(&monitor->log);
	for (int i = 0; i < 2; i++)
		bk_output_close(monitor, &monitor->sources[i]);
	bk_tell(monitor, &message);
	monitor->told = true;
	monitor->deadline = bk_milliseconds() + READER_GRACE;
	if (monitor->state_dir < 0)
		return;
	write_exit_file(monitor);
	unlinkat(monitor->state_dir, "monitor.sock", 0);
}

static int fill(struct monitor *monitor, struct pollfd *fds)
{
	bool room = monitor->input >= 0 && monitor->input_length == 0, spare = false;
	int count = FIXED;

	fds[0] = (struct pollfd){ .fd = monitor->signals, .events = POLLIN };
	for (int i = 0; i < 2; i++)
		fds[2 + i] = (struct pollfd){ .fd = monitor->chunk ? -1 : monitor->sources[i].fd, .events = POLLIN };
	fds[4] = (struct pollfd){ .fd = monitor->input_length ? monitor->input : -1, .events = POLLOUT };
	for (int i = 0; i < CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		short events = 0;

		spare |= client->kind == CLIENT_FREE;
		if (client->kind == CLIENT_FREE)
			continue;
		if (!client->input_ended && (client->kind != CLIENT_ATTACHED || room || monitor->input < 0 ||
					     !(client->streams & STREAM_STDIN)))
			events |= POLLIN;
		if (monitor->chunk && client->kind == CLIENT_ATTACHED && client->sent < monitor->chunk_length + 8)
			events |= POLLOUT;
		fds[count++] = (struct pollfd){ .fd = client->fd, .events = events };
	}
	fds[1] = (struct pollfd){ .fd = spare && !monitor->told ? monitor->listener : -1, .events = POLLIN };
	return count;
}

static struct client *client_of(struct monitor *monitor, int fd)
{
	for (int i = 0; i < CLIENTS; i++)
		if (monitor->clients[i].kind != CLIENT_FREE && monitor->clients[i].fd == fd)
			return &monitor->clients[i];
	return NULL;
}

static void serve(struct monitor *monitor, const struct pollfd *fds, int count)
{
	if (fds[1].revents)
		bk_client_accept(monitor);
	for (int i = FIXED; i < count; i++) {
		struct client *client = fds[i].revents ? client_of(monitor, fds[i].fd) : NULL;

		if (client && (fds[i].revents & POLLIN))
			bk_client_read(monitor, client);
		else if (client && (fds[i].revents & (POLLHUP | POLLERR)))
			bk_client_drop(client);
	}
	if (fds[4].revents)
		bk_input_write(monitor);
	for (int i = 0; i < 2; i++)
		if (fds[2 + i].revents && !monitor->chunk)
			bk_output_read(monitor, &monitor->sources[i]);
	bk_output_send(monitor);
	if (fds[0].revents)
		reap(monitor);
}

static int patience(struct monitor *monitor)
{
	int64_t left = monitor->deadline - bk_milliseconds();

	if (monitor->exited)
		return left > 0 ? (int)left : 0;
	return monitor->touched ? IDLE : -1;
}

/* An idle monitor gives its buffers back to the kernel. */
static void rest(struct monitor *monitor)
{
	size_t size = 2 * (LINE + CHUNK) + INPUT + LOG_BUFFER;

	if (monitor->chunk || monitor->input_length || monitor->sources[0].kept || monitor->sources[1].kept)
		return;
	madvise(monitor->memory, size, MADV_DONTNEED);
	monitor->touched = false;
}

void bk_loop(struct monitor *monitor)
{
	struct pollfd fds[FIXED + CLIENTS];

	for (;;) {
		int count = fill(monitor, fds), ready = poll(fds, count, patience(monitor));
		bool late = monitor->exited && bk_milliseconds() >= monitor->deadline;

		if (ready > 0)
			serve(monitor, fds, count);
		else if (ready == 0 && !monitor->exited)
			rest(monitor);
		if (monitor->exited && !monitor->told && (late || bk_output_idle(monitor))) {
			tell_exit(monitor);
			late = false;
		}
		if (monitor->told && (!monitor->chunk || late))
			return;
	}
}
