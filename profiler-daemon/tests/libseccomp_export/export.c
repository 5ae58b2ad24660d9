/* Builds filters with libseccomp as runc does, and prints the programs.
 *
 * Input, a word after the other; numbers in hexadecimal:
 *   set DEFAULT OPTIMIZE ARCHES ARCH...                begins a set; ARCH is libseccomp's token
 *   rule ACTION NAME CONDITIONS [INDEX OPERATOR VALUE VALUE2]...
 *   end
 * Output, a line a set:
 *   program N OP JT JF K ...    or    error STAGE RULE -ERRNO    or    hang
 *   resolve ARCH NAME           is answered at once by    number N
 *
 * Sets are worked off by a child with an alarm, for libseccomp can loop for ever; the next child goes on behind the
 * set that took too long. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 1

struct insn { uint16_t code; uint8_t jt, jf; uint32_t k; };

static char *text;
static char *at;

static char *word(void)
{
	while (*at == ' ' || *at == '\n')
		at++;
	char *begin = at;
	while (*at && *at != ' ' && *at != '\n')
		at++;
	if (*at)
		*at++ = 0;
	return begin;
}

static uint64_t number(void) { return strtoull(word(), NULL, 16); }

static void export(scmp_filter_ctx ctx, const char *failed, unsigned rule, int rc)
{
	if (failed) {
		printf("error %s %u %d\n", failed, rule, rc);
		return;
	}
	int file = memfd_create("program", 0);
	rc = seccomp_export_bpf(ctx, file);
	if (rc) {
		printf("error export 0 %d\n", rc);
		close(file);
		return;
	}
	off_t size = lseek(file, 0, SEEK_END);
	struct insn *program = malloc(size ? size : 1);
	if (pread(file, program, size, 0) != size)
		exit(3);
	close(file);
	printf("program %zu", size / sizeof *program);
	for (size_t i = 0; i < size / sizeof *program; i++)
		printf(" %x %x %x %x", program[i].code, program[i].jt, program[i].jf, program[i].k);
	putchar('\n');
	free(program);
}

/* One set, whose first word is read already. */
static void build(void)
{
	const char *failed = NULL;
	unsigned failed_rule = 0, rule = 0;
	int rc = 0;
	uint32_t standard = number();
	uint32_t optimize = number();
	scmp_filter_ctx ctx = seccomp_init(standard);
	if (!ctx)
		failed = "init";
	for (uint64_t arches = number(); arches; arches--) {
		uint32_t arch = number();
		if (failed)
			continue;
		rc = seccomp_arch_add(ctx, arch);
		if (rc && rc != -EEXIST)
			failed = "arch";
	}
	if (!failed && optimize)
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
	for (char *what = word(); *what && strcmp(what, "end"); what = word(), rule++) {
		uint32_t action = number();
		int call = seccomp_syscall_resolve_name(word());
		unsigned count = number();
		struct scmp_arg_cmp conditions[6];
		for (unsigned i = 0; i < count; i++) {
			conditions[i].arg = number();
			conditions[i].op = number();
			conditions[i].datum_a = number();
			conditions[i].datum_b = number();
		}
		if (failed || call == __NR_SCMP_ERROR || action == standard)
			continue;
		rc = seccomp_rule_add_array(ctx, action, call, count, conditions);
		if (rc) {
			failed = "rule";
			failed_rule = rule;
		}
	}
	export(ctx, failed, failed_rule, rc);
	if (ctx)
		seccomp_release(ctx);
}

/* Works from the set `*done` on; the child says in `*done` how far it got. */
static void work(char **sets, volatile unsigned *done, unsigned count)
{
	while (*done < count) {
		at = sets[*done];
		alarm(PATIENCE);
		build();
		fflush(stdout);
		alarm(0);
		++*done;
	}
	_exit(0);
}

int main(void)
{
	size_t used = 0, room = 1 << 20;
	text = malloc(room);
	for (ssize_t got; (got = read(0, text + used, room - used - 1)) > 0;) {
		used += got;
		if (room - used < 2)
			text = realloc(text, room *= 2);
	}
	text[used] = 0;
	char **sets = NULL;
	unsigned count = 0, places = 0;
	const struct scmp_version *version = seccomp_version();
	printf("version %u %u %u\n", version->major, version->minor, version->micro);
	for (at = text; *at;) {
		char *what = word();
		if (!strcmp(what, "resolve")) {
			uint32_t arch = number();
			printf("number %d\n", seccomp_syscall_resolve_name_arch(arch, word()));
		} else if (!strcmp(what, "set")) {
			if (count == places)
				sets = realloc(sets, (places = 2 * places + 64) * sizeof *sets);
			sets[count++] = at;
		}
	}
	fflush(stdout);
	/* Reading ended each word with a NUL; the sets are read again. */
	for (size_t i = 0; i < used; i++)
		if (!text[i])
			text[i] = ' ';
	volatile unsigned *done =
		mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (*done < count) {
		pid_t child = fork();
		if (!child)
			work(sets, done, count);
		int status;
		if (child < 0 || waitpid(child, &status, 0) < 0)
			return 1;
		if (WIFSIGNALED(status)) {
			printf(WTERMSIG(status) == SIGALRM ? "hang\n" : "crash %d\n", WTERMSIG(status));
			fflush(stdout);
			++*done;
		}
	}
	return 0;
}
