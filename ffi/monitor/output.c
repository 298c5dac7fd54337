/* output.c - what the container prints goes to the log and to who is attached; what they type goes in.
 *
 * Contract: one chunk at a time is on its way; nothing more is read until every reader has it. A slow reader therefore
 *           holds the container back, with bounded memory; one that has gone is dropped.
 * Source:   Docker Engine API, "Stream format": [stream, 0, 0, 0, length big-endian] then the bytes; raw with a terminal.
 */
#include "monitor.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HEADER 8

static bool wanted(const struct client *client, const struct source *source)
{
	return client->kind == CLIENT_ATTACHED && !client->output_ended &&
	       (client->streams & (source->stream == 1 ? STREAM_STDOUT : STREAM_STDERR));
}

void bk_output_close(struct monitor *monitor, struct source *source)
{
	if (source->fd < 0)
		return;
	bk_log_lines(monitor, source, 0, true);
	if (source->fd == monitor->input)	/* the terminal is both */
		monitor->input = -1;
	close(source->fd);
	source->fd = -1;
}

void bk_output_read(struct monitor *monitor, struct source *source)
{
	ssize_t got = read(source->fd, source->buffer + LINE, CHUNK);
	uint32_t length = got > 0 ? (uint32_t)got : 0;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {		/* EIO: every end of the terminal is closed */
		bk_output_close(monitor, source);
		return;
	}
	monitor->touched = true;
	bk_log_lines(monitor, source, length, false);
	bk_log_flush(&monitor->log);
	monitor->chunk = source;
	monitor->chunk_length = length;
	memcpy(monitor->header, (uint8_t[HEADER]){ source->stream, 0, 0, 0, length >> 24, length >> 16, length >> 8, length }, HEADER);
	for (int i = 0; i < CLIENTS; i++)
		monitor->clients[i].sent = wanted(&monitor->clients[i], source) ?
			(monitor->flags & PLAN_TTY ? HEADER : 0) : length + HEADER;
}

static void send_to(struct monitor *monitor, struct client *client)
{
	uint32_t head = client->sent < HEADER ? HEADER - client->sent : 0;
	uint32_t body = client->sent > HEADER ? client->sent - HEADER : 0;
	struct iovec iov[2] = {
		{ monitor->header + HEADER - head, head },
		{ monitor->chunk->buffer + LINE + body, monitor->chunk_length - body },
	};
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent > 0)
		client->sent += sent;
	else if (sent < 0 && errno != EAGAIN && errno != EINTR)
		bk_client_drop(client);
}

void bk_output_send(struct monitor *monitor)
{
	bool pending = false;

	if (!monitor->chunk)
		return;
	for (int i = 0; i < CLIENTS; i++) {
		struct client *client = &monitor->clients[i];
		uint32_t before = client->sent;

		if (client->kind != CLIENT_ATTACHED || before >= monitor->chunk_length + HEADER)
			continue;
		send_to(monitor, client);
		pending |= client->kind == CLIENT_ATTACHED && client->sent < monitor->chunk_length + HEADER;
		if (client->sent != before && monitor->told)
			monitor->deadline = bk_milliseconds() + 10000;	/* slow, but it takes something */
	}
	if (pending)
		return;
	monitor->chunk = NULL;
	for (int i = 0; i < CLIENTS; i++)
		if (monitor->clients[i].kind == CLIENT_ATTACHED && monitor->clients[i].output_ended)
			bk_client_drop(&monitor->clients[i]);
}

bool bk_output_idle(const struct monitor *monitor)
{
	return !monitor->chunk && monitor->sources[0].fd < 0 && monitor->sources[1].fd < 0;
}

static void close_input(struct monitor *monitor)
{
	if (!(monitor->flags & PLAN_TTY))
		close(monitor->input);
	if (!(monitor->flags & PLAN_TTY))
		monitor->input = -1;
	monitor->input_length = monitor->input_sent = 0;
}

/* Gives what was typed to the container; EPIPE: it has closed its standard input, so the rest is dropped. */
void bk_input_write(struct monitor *monitor)
{
	ssize_t sent = 0;

	if (monitor->input < 0)
		return;
	if (monitor->input_length)
		sent = write(monitor->input, monitor->input_buffer + monitor->input_sent, monitor->input_length - monitor->input_sent);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (sent < 0) {
		close_input(monitor);
		return;
	}
	monitor->input_sent += sent;
	if (monitor->input_sent < monitor->input_length)
		return;
	monitor->input_length = monitor->input_sent = 0;
	if (monitor->input_ends)
		close_input(monitor);
}
