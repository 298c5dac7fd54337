/* cgroup.c - the device rules of a cgroup v2, which are a BPF program.
 *
 * Contract: see shim.h. The program lives as long as the cgroup; nothing has to be kept open.
 * Source:   bpf(2), cgroup-v2.rst "Device controller" (Linux 4.15).
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

static int bpf(int command, union bpf_attr *attr)
{
	int rc = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return rc < 0 ? -errno : rc;
}

/* Loads `count` instructions (struct bpf_insn) and attaches them to the cgroup's directory, beside what is there. */
int bk_cgroup_devices(const char *directory, const void *program, uint32_t count)
{
	CLEANUP_FD int cgroup = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union bpf_attr attr;

	if (cgroup < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = count;
	attr.license = (uintptr_t)"GPL";
	CLEANUP_FD int loaded = bpf(BPF_PROG_LOAD, &attr);
	if (loaded < 0)
		return loaded;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = cgroup;
	attr.attach_bpf_fd = loaded;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	return bpf(BPF_PROG_ATTACH, &attr);
}
