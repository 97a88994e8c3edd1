/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_PROGRESS_H
#define HC_CTL_PROGRESS_H
/* How far a long subcommand has come: a bar on standard error that is drawn over itself. Nothing where that is no terminal. One thread. */

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool is_terminal;
	int64_t shown_at_ms;
};

void progress_init(struct progress *progress);
/* Not each call shows something. total 0: not known. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Before anything else is printed. */
void progress_wipe(const struct progress *progress);

#endif
