/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See ctl_words.h. */
#include "tests/contract/ctl_words.h"

#include <stdio.h>
#include <sys/wait.h>

const char *ctl_program;
struct buf ctl_output;

__attribute__((format(printf, 2, 0))) static int run(const char *before, const char *arguments, va_list args)
{
	char text[1024], command[1400], chunk[4096];
	vsnprintf(text, sizeof text, arguments, args);
	snprintf(command, sizeof command, "{ %s %s %s; } 2>&1", before, ctl_program, text);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	buf_clear(&ctl_output);
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
		buf_add(&ctl_output, chunk, got);
	int status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int ctl(const char *arguments, ...)
{
	va_list args;
	va_start(args, arguments);
	int code = run("", arguments, args);
	va_end(args);
	return code;
}

int ctl_after(const char *before, const char *arguments, ...)
{
	va_list args;
	va_start(args, arguments);
	int code = run(before, arguments, args);
	va_end(args);
	return code;
}

static const char *said(void)
{
	return ctl_output.data != NULL ? ctl_output.data : "";
}

void ctl_assert(int got, int code)
{
	if (got != code)
		fail_msg("it ended with %d, not %d: %s", got, code, said());
}

void assert_ctl_said(const char *text)
{
	if (strstr(said(), text) == NULL)
		fail_msg("\"%s\" is not in: %s", text, said());
}

void assert_ctl_did_not_say(const char *text)
{
	if (strstr(said(), text) != NULL)
		fail_msg("\"%s\" is in: %s", text, said());
}
