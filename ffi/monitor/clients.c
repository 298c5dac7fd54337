/* clients.c - who is connected: daemons that control, readers and writers that are attached.
 *
 * Contract: never blocks on one of them. The first byte on monitor.sock says which kind it is (plan.h HELLO_*).
 *           End of file from a writer closes standard input with PLAN_STDIN_ONCE, else ends that writer's own
 *           attachment, as Docker's attach does.
 */
#include "monitor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void bk_client_add(struct monitor *monitor, int fd, enum client_kind kind, uint32_t streams)
{
	for (int i = 0; i < CLIENTS; i++) {
		if (monitor->clients[i].kind != CLIENT_FREE)
			continue;
		monitor->clients[i] = (struct client){ .fd = fd, .kind = kind, .streams = streams, .sent = ~0U };
		return;
	}
	close(fd);
}

void bk_client_drop(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->kind = CLIENT_FREE;
}

void bk_client_accept(struct monitor *monitor)
{
	int fd = accept4(monitor->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		bk_client_add(monitor, fd, CLIENT_NEW, 0);
}

static void tell_one(struct client *client, const struct message *message)
{
	if (send(client->fd, message, sizeof(*message), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(*message))
		bk_client_drop(client);
}

void bk_tell(struct monitor *monitor, const struct message *message)
{
	for (int i = 0; i < CLIENTS; i++)
		if (monitor->clients[i].kind == CLIENT_CONTROL)
			tell_one(&monitor->clients[i], message);
}

static void greet(struct monitor *monitor, struct client *client, uint8_t hello)
{
	struct message started = { .type = MESSAGE_STARTED, .value = monitor->pid };

	if (hello == HELLO_CONTROL) {
		client->kind = CLIENT_CONTROL;
		tell_one(client, &started);
		return;
	}
	client->kind = CLIENT_ATTACHED;
	client->streams = hello & ~HELLO_ATTACH;
}

static void request(struct monitor *monitor, struct client *client)
{
	struct message result = { .type = MESSAGE_RESULT, .value = EINVAL };
	struct winsize size = { .ws_row = client->request.value, .ws_col = client->request.index };

	if (client->request.type == MESSAGE_RESIZE && (monitor->flags & PLAN_TTY))
		result.value = ioctl(monitor->input, TIOCSWINSZ, &size) < 0 ? errno : 0;
	tell_one(client, &result);
}

static void read_control(struct monitor *monitor, struct client *client)
{
	char *room = (char *)&client->request + client->have;
	ssize_t got = recv(client->fd, room, sizeof(client->request) - client->have, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		bk_client_drop(client);
		return;
	}
	client->have += got;
	if (client->have < sizeof(client->request))
		return;
	client->have = 0;
	request(monitor, client);
}

/* What is under way to it still goes out. */
static void end_output(struct monitor *monitor, struct client *client)
{
	client->output_ended = true;
	if (!monitor->chunk)
		bk_client_drop(client);
}

static void input_ended(struct monitor *monitor, struct client *client)
{
	client->input_ended = true;
	if (!(client->streams & STREAM_STDIN))
		return;
	if ((monitor->flags & PLAN_TTY) || !(monitor->flags & PLAN_STDIN_ONCE)) {
		end_output(monitor, client);
		return;
	}
	monitor->input_ends = true;
	bk_input_write(monitor);
}

static void read_attached(struct monitor *monitor, struct client *client)
{
	bool open = monitor->input >= 0 && !monitor->input_ends && (monitor->flags & PLAN_OPEN_STDIN);
	bool takes = open && (client->streams & STREAM_STDIN);
	char dropped[1024];
	ssize_t got;

	if (takes && monitor->input_length)	/* another writer has filled it since the poll */
		return;
	got = recv(client->fd, takes ? monitor->input_buffer : dropped, takes ? INPUT : sizeof(dropped), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	monitor->touched |= takes;
	if (got < 0) {
		bk_client_drop(client);
	} else if (got == 0) {
		input_ended(monitor, client);
	} else if (takes) {
		monitor->input_length = got;
		monitor->input_sent = 0;
		bk_input_write(monitor);
	}
}

void bk_client_read(struct monitor *monitor, struct client *client)
{
	uint8_t hello;

	if (client->kind == CLIENT_CONTROL) {
		read_control(monitor, client);
	} else if (client->kind == CLIENT_ATTACHED) {
		read_attached(monitor, client);
	} else if (recv(client->fd, &hello, 1, MSG_DONTWAIT) == 1) {
		greet(monitor, client, hello);
	} else {
		bk_client_drop(client);
	}
}
