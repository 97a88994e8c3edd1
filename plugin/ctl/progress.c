/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See progress.h. One thread. */
#include "plugin/ctl/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR_MS = 100, BAR_WIDTH = 30 };

void progress_init(struct progress *progress)
{
	*progress = (struct progress){.is_terminal = isatty(STDERR_FILENO) == 1, .shown_at_ms = clock_mono_ms()};
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *format, ...)
{
	int64_t now_ms = clock_mono_ms();
	if (!progress->is_terminal || now_ms - progress->shown_at_ms < BAR_MS)
		return;
	progress->shown_at_ms = now_ms;
	int filled = total ? (int)(done * BAR_WIDTH / total) : 0;
	filled = filled > BAR_WIDTH ? BAR_WIDTH : filled;
	va_list args;
	va_start(args, format);
	fprintf(stderr, "\r[%.*s%*s] ", filled, "##############################", BAR_WIDTH - filled, "");
	vfprintf(stderr, format, args);
	fputs("\033[K", stderr);
	va_end(args);
}

void progress_wipe(const struct progress *progress)
{
	if (progress->is_terminal)
		fputs("\r\033[K", stderr);
}
