/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_ISSUERS_KIT_H
#define HC_TESTS_ISSUERS_KIT_H
/* The vocabulary of the tests of issuers with their keys: what one publishes, time that passes, who logs in. The network is a function here
 * (--wrap=fetch_keys), time an argument, and what was started (--wrap=workers_add) is waited for. One thread. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "plugin/auth/issuers.h"
#include "tests/unit/signer.h"

#define URL      "https://id.example"
#define OTHER    "https://other.example"
#define WALL_MS  INT64_C(1790000000000)
#define SECOND   INT64_C(1000)
#define MINUTE   (60 * SECOND)

extern char directory[]; /* where keys are kept for the next start */
extern struct signer one, two, rsa; /* keys of the issuer; the last one is for another algorithm */
extern struct mailbox *mailbox;
extern struct issuers *issuers;
extern int64_t now_ms;

extern int64_t published_age_s; /* what the answer says of its age, -1: nothing */
extern atomic_uint fetches;
extern atomic_bool hangs; /* the issuer */

/* What the issuer publishes from now on; NULL: it does not answer. */
void publish(const struct signer *first, const struct signer *second);

extern struct buf said; /* the log */
/* Each line goes there, and how often it has these words. */
void note_line(enum issuers_level level, const char *line);
size_t times_said(const char *words);

struct issuer_list the_list(const char *alg); /* URL alone; alg NULL: any */
void open_issuers(void);
void close_issuers(void);

/* Lets time pass and the due fetches with it, second by second. */
void pass(int64_t ms);
void first_fetch(void);

enum jwt_rc verify(const char *token);
enum jwt_rc login(const struct signer *signer);
enum jwt_rc login_with(const struct signer *signer, const char *kid);

/* Around a group of tests, and around each. */
int with_signers(void **state);
int without_signers(void **state);
int with_issuers(void **state);
int without_issuers(void **state);

#define ISSUERS_TEST(name) cmocka_unit_test_setup_teardown(name, with_issuers, without_issuers)

#endif
