/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The broker's command line, a newline, and its configuration file. Whatever they hold, what is said about them is one printable line each, and the
 * fatal ones come first. "@" in the command line stands for the file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "plugin/broker/hostconf.h"
#include "tests/fuzz/fuzz.h"

static char path[64];

static void write_conf(const char *bytes, size_t len)
{
	FILE *file = fopen(path, "w");
	FUZZ_CHECK(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

/* Arguments are parted by spaces. */
static void read_command_line(struct buf *line, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '@')
			buf_add_text(line, path);
		else
			buf_add_char(line, text[i] == ' ' || text[i] == '/' ? '\0' : text[i]); /* no other file of the machine */
	buf_add_char(line, '\0');
}

static void check(const struct hostconf_finding *findings, size_t count)
{
	FUZZ_CHECK(count <= HOSTCONF_FINDING_MAX);
	for (size_t i = 0; i < count; i++) {
		const char *text = findings[i].text;
		FUZZ_CHECK(text[0] != '\0' && text_is_utf8(text, strlen(text)) && (i == 0 || !findings[i].fatal || findings[i - 1].fatal));
		for (; *text; text++)
			FUZZ_CHECK((unsigned char)*text >= 0x20 && *text != 0x7f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int versions[2][3] = {{2, 0, 11}, {2, 1, 2}};
	static const struct hostconf_own own = {.prefix = "hc", .by_certificate = true, .refuses_plain = true};
	struct hostconf_finding findings[HOSTCONF_FINDING_MAX];
	struct buf line = BUF_EMPTY;
	const char *newline = memchr(data, '\n', size);
	size_t line_len = newline ? (size_t)(newline - (const char *)data) : size;
	snprintf(path, sizeof path, "/dev/shm/hc-fuzz-hostconf-%d", (int)getpid());
	write_conf(newline ? newline + 1 : "", newline ? size - line_len - 1 : 0);
	read_command_line(&line, (const char *)data, line_len);
	for (int i = 0; i < 2; i++)
		check(findings, hostconf_check(line.data, line.len, versions[i], &own, findings, HOSTCONF_FINDING_MAX));
	buf_fini(&line);
	unlink(path);
	return 0;
}
