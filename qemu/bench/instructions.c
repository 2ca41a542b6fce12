// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's emulator that counts the instructions of the guest's kernel. A program in the
 * guest executes a mark, a no-op that contains a number (see igt-tests/bench/mark.h); for each mark
 * the plugin writes a line with the mark's number and the count.
 *
 * With profile=FILE it also writes a profile of each step of a scenario: lines of the address of a
 * block of code and the instructions executed in it, then "end".
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The part of QEMU's plugin interface that is used here, because no package has its header. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

enum { QEMU_PLUGIN_INLINE_ADD_U64 };
enum { QEMU_PLUGIN_CB_NO_REGS };

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*translated)(struct qemu_plugin_tb *tb, void *data),
					   void *data);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *bytes, size_t size);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       qemu_plugin_u64 entry, uint64_t value);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*executed)(unsigned int cpu, void *data),
					  int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*executed)(unsigned int cpu, void *data),
					    int flags, void *data);

#define EXPORT __attribute__((visibility("default")))

/* The interface of QEMU 11. */
EXPORT int qemu_plugin_version = 7;

/* nopl 0x7667xxxx(%rax,%rax,1) */
static const uint8_t mark_opcode[] = { 0x0f, 0x1f, 0x84, 0x00 };
#define MARK_MAGIC	0x76670000
#define MARK_MASK	0xffff0000

/* Where the kernel half of the address space begins. */
#define KERNEL		(UINT64_C(1) << 63)

/* igt-tests/bench/mark.h */
#define MARK_STEP	1

/* The size of the hash table of code blocks; a kernel executes fewer. */
#define BLOCKS	(1 << 18)

struct block {
	uint64_t address;
	size_t size;
	uint64_t executed;
};

static qemu_plugin_u64 count;
static FILE *out, *profile;
static struct block blocks[BLOCKS];
static bool profiling;

static struct block *find_block(uint64_t address, size_t size)
{
	uint64_t at = (address * UINT64_C(0x9e3779b97f4a7c15) + size) % BLOCKS;

	while (blocks[at].size && (blocks[at].address != address || blocks[at].size != size))
		at = (at + 1) % BLOCKS;
	blocks[at].address = address;
	blocks[at].size = size;
	return &blocks[at];
}

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;

	(void)cpu;
	if (profiling)
		block->executed += block->size;
}

static void write_profile(void)
{
	size_t i;

	for (i = 0; i < BLOCKS; i++) {
		if (blocks[i].executed)
			fprintf(profile, "%" PRIx64 " %" PRIu64 "\n", blocks[i].address,
				blocks[i].executed);
		blocks[i].executed = 0;
	}
	fprintf(profile, "end\n");
	fflush(profile);
}

static void marked(unsigned int cpu, void *data)
{
	(void)cpu;
	fprintf(out, "%" PRIuPTR " %" PRIu64 "\n", (uintptr_t)data, qemu_plugin_u64_sum(count));
	fflush(out);
	if ((uintptr_t)data == MARK_STEP && profiling)
		write_profile();
	profiling = profile && (uintptr_t)data == MARK_STEP;
}

static bool is_mark(const struct qemu_plugin_insn *insn, uint32_t *number)
{
	uint8_t bytes[sizeof(mark_opcode) + sizeof(*number)];

	if (qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    memcmp(bytes, mark_opcode, sizeof(mark_opcode)))
		return false;
	memcpy(number, bytes + sizeof(mark_opcode), sizeof(*number));
	return (*number & MARK_MASK) == MARK_MAGIC;
}

/* Returns whether this is a string instruction with a repeat prefix. */
static bool is_repeated(const struct qemu_plugin_insn *insn)
{
	uint8_t bytes[3];
	size_t size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	/* A REX prefix may stand between prefix and opcode. */
	uint8_t opcode = bytes[size == 3 && (bytes[1] & 0xf0) == 0x40 ? 2 : 1];

	return size >= 2 && (bytes[0] & 0xfe) == 0xf2 &&
	       ((opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf));
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	size_t i, num_insns = qemu_plugin_tb_n_insns(tb);
	uint32_t number;

	(void)data;
	if (qemu_plugin_tb_vaddr(tb) >= KERNEL) {
		/* With -icount each repetition is a new block, so do not count repetitions. */
		if (is_repeated(qemu_plugin_tb_get_insn(tb, 0)))
			num_insns--;
		if (!num_insns)
			return;
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
								  count, num_insns);
		if (profile)
			qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS,
							     find_block(qemu_plugin_tb_vaddr(tb),
									num_insns));
		return;
	}
	for (i = 0; i < num_insns; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_mark(insn, &number))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)(number & ~MARK_MASK));
	}
}

/* Called by QEMU, with out=FILE and optionally profile=FILE. */
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc < 1 || strncmp(argv[0], "out=", 4) || !(out = fopen(argv[0] + 4, "w"))) {
		fprintf(stderr, "instructions: out=FILE is needed\n");
		return -1;
	}
	if (argc == 2 && (strncmp(argv[1], "profile=", 8) ||
			  !(profile = fopen(argv[1] + 8, "w")))) {
		fprintf(stderr, "instructions: only profile=FILE may follow out=FILE\n");
		return -1;
	}
	count.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	return 0;
}
