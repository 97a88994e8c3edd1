/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See progress.h. One thread. */
#include "plugin/ctl/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR_MS = 100, LINE_MS = 10000, BAR_WIDTH = 30 };

void progress_init(struct progress *progress, bool quiet_elsewhere)
{
	*progress = (struct progress){.is_terminal = isatty(STDERR_FILENO) == 1, .quiet_elsewhere = quiet_elsewhere, .shown_at_ms = clock_mono_ms()};
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *format, ...)
{
	int64_t now_ms = clock_mono_ms();
	if ((!progress->is_terminal && progress->quiet_elsewhere) || now_ms - progress->shown_at_ms < (progress->is_terminal ? BAR_MS : LINE_MS))
		return;
	progress->shown_at_ms = now_ms;
	int filled = total ? (int)(done * BAR_WIDTH / total) : 0;
	filled = filled > BAR_WIDTH ? BAR_WIDTH : filled;
	va_list args;
	va_start(args, format);
	if (progress->is_terminal)
		fprintf(stderr, "\r[%.*s%*s] ", filled, "##############################", BAR_WIDTH - filled, "");
	vfprintf(stderr, format, args);
	fputs(progress->is_terminal ? "\033[K" : "\n", stderr);
	va_end(args);
}

void progress_wipe(const struct progress *progress)
{
	if (progress->is_terminal)
		fputs("\r\033[K", stderr);
}
