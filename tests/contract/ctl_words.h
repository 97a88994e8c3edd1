/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_CTL_WORDS_H
#define HC_TESTS_CTL_WORDS_H
/* hyperchatctl as its user has it: run in a shell, with what it says and how it ends. */

#include "base/buf.h"
#include "tests/contract/contract.h"

extern const char *ctl_program;
extern struct buf ctl_output; /* of the last run, both streams */

/* Runs it with these arguments; returns the exit code, 128 and the signal if it was ended by one. */
int ctl(const char *arguments, ...) __attribute__((format(printf, 1, 2)));
/* Likewise, with something before its name: an assignment, another program. */
int ctl_after(const char *before, const char *arguments, ...) __attribute__((format(printf, 2, 3)));

#define assert_ctl(code, ...) ctl_assert(ctl(__VA_ARGS__), code)
void ctl_assert(int got, int code);
void assert_ctl_said(const char *text);
void assert_ctl_did_not_say(const char *text);

#endif
