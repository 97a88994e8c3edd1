/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The issuers of these tests, the network that they ask, and their time. */
#include "tests/unit/issuers_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/auth/fetch.h"
#include "plugin/auth/key_cache.h"

char directory[] = "/tmp/hc-issuers-XXXXXX";
struct signer one, two, rsa;
struct mailbox *mailbox;
struct issuers *issuers;
int64_t now_ms;
struct buf said;

/* what the issuer publishes; NULL: it does not answer */
static const struct signer *published[2];
int64_t published_age_s;
atomic_uint fetches;
atomic_bool hangs;

bool __wrap_fetch_keys(const struct fetch_request *request, struct fetched *fetched, struct error *err);

bool __wrap_fetch_keys(const struct fetch_request *request, struct fetched *fetched, struct error *err)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	atomic_fetch_add(&fetches, 1);
	while (atomic_load(&hangs) && !atomic_load(request->abort))
		nanosleep(&pause, NULL);
	if (published[0] == NULL || atomic_load(request->abort))
		return error_set(err, 0, 0, "it does not answer");
	struct buf set = BUF_EMPTY;
	buf_add_text(&set, "{\"keys\":");
	struct key keys[2];
	struct key_set all = {.keys = keys};
	for (size_t i = 0; i < 2 && published[i] != NULL; i++)
		keys[all.key_count++] = published[i]->key;
	assert_true(key_set_write(&all, &set, NULL));
	buf_add_char(&set, '}');
	*fetched = (struct fetched){.keys = key_set_read(request->issuer, set.data, set.len, KEY_PUBLISHED, err), .age_s = published_age_s};
	buf_fini(&set);
	return fetched->keys != NULL;
}

static size_t started, finished; /* fetches */

bool __real_workers_add(struct workers *workers, struct job *job);
bool __wrap_workers_add(struct workers *workers, struct job *job);

bool __wrap_workers_add(struct workers *workers, struct job *job)
{
	bool added = __real_workers_add(workers, job);
	started += added;
	return added;
}

void publish(const struct signer *first, const struct signer *second)
{
	published[0] = first;
	published[1] = second;
}

void note_line(enum issuers_level level, const char *line)
{
	buf_printf(&said, "%s%s\n", level == ISSUERS_WARNING ? "! " : "", line);
}

size_t times_said(const char *words)
{
	size_t count = 0;
	for (const char *at = said.data; at && (at = strstr(at, words)); at++)
		count++;
	return count;
}

static void ring(void *context)
{
	(void)context;
}

struct issuer_list the_list(const char *alg)
{
	char text[300];
	struct error err;
	struct issuer_list list = {0};
	snprintf(text, sizeof text, "{\"issuers\":[{\"issuer\":\"" URL "\",\"audience\":\"chat\"%s%s%s}]}", alg ? ",\"algorithms\":\"" : "",
		alg ? alg : "", alg ? "\"" : "");
	if (!issuer_list_add_text(&list, text, strlen(text), &err))
		fail_msg("%s", err.text);
	return list;
}

void open_issuers(void)
{
	struct error err;
	struct issuer_list list = the_list(NULL);
	const struct issuers_conf conf = {.mailbox = mailbox, .ca_file = "", .cache_dir = directory, .log = note_line};
	issuers = issuers_open(&conf, &list, &err);
	if (issuers == NULL)
		fail_msg("%s", err.text);
}

void close_issuers(void)
{
	issuers_finish(issuers);
	finished += mailbox_run(mailbox);
	issuers_free(issuers);
	issuers = NULL;
}

static void take_fetched(void)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};
	while (finished < started && !atomic_load(&hangs)) {
		size_t count = mailbox_run(mailbox);
		finished += count;
		if (count == 0)
			nanosleep(&pause, NULL);
	}
}

/* Lets time pass and the due fetches with it, second by second. */
void pass(int64_t ms)
{
	for (int64_t end_ms = now_ms + ms; now_ms <= end_ms; now_ms += SECOND) {
		issuers_tick(issuers, now_ms);
		take_fetched();
	}
}

void first_fetch(void)
{
	issuers_tick(issuers, now_ms);
	take_fetched();
}

enum jwt_rc verify(const char *token)
{
	struct jwt_claims claims;
	struct error err;
	struct jwt jwt;
	if (!jwt_read(token, strlen(token), &jwt, &err))
		return JWT_BAD;
	enum jwt_rc rc = issuers_check(issuers, &jwt, now_ms, WALL_MS, &claims, &err);
	jwt_fini(&jwt);
	return rc;
}

enum jwt_rc login_with(const struct signer *signer, const char *kid)
{
	char header[100];
	snprintf(header, sizeof header, "{'alg':'%s','kid':'%s'}", signer->key.alg->name, kid);
	char *token = signer_token(signer, header, "{'iss':'" URL "','aud':'chat','sub':'alice','exp':1790000600}");
	enum jwt_rc rc = verify(token);
	free(token);
	return rc;
}

enum jwt_rc login(const struct signer *signer)
{
	return login_with(signer, signer->key.kid);
}

int with_issuers(void **state)
{
	(void)state;
	now_ms = 1000 * SECOND;
	started = finished = 0;
	atomic_store(&fetches, 0);
	atomic_store(&hangs, false);
	published_age_s = -1;
	publish(&one, NULL);
	buf_clear(&said);
	mailbox = mailbox_new(ring, NULL);
	open_issuers();
	return 0;
}

int without_issuers(void **state)
{
	(void)state;
	if (issuers != NULL)
		close_issuers();
	mailbox_free(mailbox);
	static const char *const urls[] = {URL, OTHER};
	for (size_t i = 0; i < 2; i++) {
		char *file = key_cache_file(directory, urls[i]);
		unlink(file);
		free(file);
	}
	return 0;
}

int with_signers(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	signer_init(&one, "ES256", "one", NULL);
	signer_init(&two, "ES256", "two", NULL);
	signer_init(&rsa, "RS256", "rsa", NULL);
	return 0;
}

int without_signers(void **state)
{
	(void)state;
	signer_fini(&one);
	signer_fini(&two);
	signer_fini(&rsa);
	buf_fini(&said);
	return rmdir(directory);
}
