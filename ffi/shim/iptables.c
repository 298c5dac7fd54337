/* iptables.c - firewall rules in and out, all of a batch or nothing of it.
 *
 * The batch is built by the caller: NFNL_MSG_BATCH_BEGIN, nf_tables messages, NFNL_MSG_BATCH_END, with NLM_F_ACK on
 * the last message before the end. The kernel has answered everything when sendmsg(2) returns.
 *
 * Contract: 0, or -errno of the first message that was refused, with its sequence number in *refused. No state.
 * Source:   Linux net/netfilter/nfnetlink.c, nfnetlink_rcv_batch().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim.h"

#define ANSWERS 16384

/* Reads the answers of one datagram: 1 when the last message was acknowledged, 0 when not yet, -errno when refused. */
static int read_answers(const char *buffer, ssize_t size, uint32_t last, uint32_t *refused)
{
	const struct nlmsghdr *head = (const struct nlmsghdr *)buffer;
	int done = 0;

	for (; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
		const struct nlmsgerr *answer = NLMSG_DATA(head);

		if (head->nlmsg_type != NLMSG_ERROR)
			continue;
		if (answer->error != 0) {
			*refused = head->nlmsg_seq;
			return answer->error;
		}
		done |= head->nlmsg_seq == last;
	}
	return done;
}

int bk_iptables_batch(int sock, const void *batch, size_t size, uint32_t last, uint32_t *refused)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_Alignas(struct nlmsghdr) char buffer[ANSWERS];
	int result = 0;

	*refused = 0;
	if (sendto(sock, batch, size, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(sock, buffer, sizeof(buffer), MSG_DONTWAIT);
		int said;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)		/* EAGAIN: all was read; neither refused nor acknowledged must not happen */
			return errno != EAGAIN ? -errno : result < 0 ? result : result == 1 ? 0 : -EIO;
		if (result < 0)
			continue;	/* the socket is kept: what is left of this batch's answers must not meet the next */
		said = read_answers(buffer, got, last, refused);
		if (said != 0)
			result = said;
	}
}
