/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_ERROR_H
#define HC_BASE_ERROR_H
/* What went wrong, in words, owned by the caller.
 *
 * Every function that can fail takes a `struct error *err` as its last argument (NULL: not interested), fills it and returns its
 * layer's own code; it does not log. The layer that decides what follows logs once. A struct error may cross threads by copy. */

enum { ERROR_TEXT_SIZE = 200 };

struct error {
	int rc;                     /* the returning layer's code */
	int native;                 /* the library's or errno's code below it, 0: none */
	char text[ERROR_TEXT_SIZE]; /* one line, without a token or a message body in it */
};

/* The system's words for an errno. Unlike strerror's they may be asked for on any thread, and are the same in every locale. */
const char *error_words(int problem);

/* Fills err (when not NULL) and returns rc, so that `return error_set(err, RC, 0, "…")` reads well. Any thread. */
int error_set(struct error *err, int rc, int native, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
