/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The issuers with their keys. Loop's thread; the fetches are jobs. */
#include "plugin/auth/issuers.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/auth/asked.h"
#include "plugin/auth/fetch.h"
#include "plugin/auth/http.h"
#include "plugin/auth/key_cache.h"
#include "plugin/auth/printable.h"

enum {
	THREADS = 2,         /* so that an issuer that hangs does not hold up the others */
	FAILED_MIN_MS = 5000,
	FAILED_DOUBLINGS_MAX = 6, /* about five minutes */
};

#define NO_KEY_ALLOWED "none of its keys is for one of its \"algorithms\""

struct entry {
	uint64_t id; /* what a fetch comes back to */
	struct issuer issuer;
	struct jwt_policy policy;
	struct key_set *keys; /* NULL: none yet */
	/* of those with discovery */
	char *cache_file;
	char *published;      /* the keys as text, to see whether they have changed */
	bool busy;            /* a fetch is under way */
	bool waiting_logged;  /* that somebody came before there were keys */
	bool unknown_logged;  /* that an unknown kid came, since the last fetch */
	bool cache_warned;
	unsigned failures;    /* in a row */
	int64_t due_ms, began_ms; /* of the next fetch; of the last one */
	int64_t good_ms;      /* when the last one that came to something began */
	struct asked_kids asked;
};

struct issuers {
	struct issuers_conf conf;
	char *ca_file, *cache_dir;
	struct workers *workers; /* NULL: nobody has discovery */
	atomic_bool closing;
	bool http;
	uint64_t last_id, fetches, fetch_failures;
	struct entry *entries;
	size_t count;
};

static void say(const struct issuers *issuers, enum issuers_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(const struct issuers *issuers, enum issuers_level level, const char *format, ...)
{
	char line[400];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	issuers->conf.log(level, line);
}

/* ---- keys that arrive ---- */

/* What a file holds in vain is the operator's to mend; providers publish keys for other purposes as well. */
static void say_notes(const struct issuers *issuers, const struct entry *entry, const struct key_set *keys)
{
	for (size_t i = 0; i < keys->note_count; i++)
		say(issuers, entry->issuer.keys ? ISSUERS_WARNING : ISSUERS_NOTICE, "keys of %s: %s", entry->issuer.url, keys->notes[i]);
}

static void say_keys(const struct issuers *issuers, const struct entry *entry)
{
	char shown[PRINTABLE_SIZE];
	struct buf list = BUF_EMPTY;
	buf_add_text(&list, "");
	for (size_t i = 0; i < entry->keys->key_count; i++) {
		const struct key *key = &entry->keys->keys[i];
		buf_printf(&list, "%s%s %s", i ? ", " : "", key->alg->name, key->kid ? printable(shown, key->kid) : "(no kid)");
	}
	say(issuers, ISSUERS_NOTICE, "keys of %s: %s", entry->issuer.url, list.data);
	buf_fini(&list);
}

/* Takes the keys over and lets them count from now on. false: none of them is for an algorithm of this issuer, and all is as it was. */
static bool set_keys(struct issuers *issuers, struct entry *entry, struct key_set *keys, struct error *err)
{
	const struct names *algs = &entry->issuer.algs;
	struct buf text = BUF_EMPTY;
	if (algs->count > 0 && !key_set_restrict(keys, (const char *const *)algs->list, algs->count)) {
		key_set_free(keys);
		return error_set(err, 0, 0, NO_KEY_ALLOWED);
	}
	key_set_free(entry->keys);
	entry->keys = keys;
	bool changed = !key_set_write(keys, &text, NULL) || entry->published == NULL || strcmp(entry->published, text.data) != 0;
	free(entry->published);
	entry->published = text.data;
	if (changed) {
		say_notes(issuers, entry, keys);
		say_keys(issuers, entry);
	}
	return true;
}

static void take_cached(struct issuers *issuers, struct entry *entry)
{
	struct error err;
	int64_t at_ms;
	struct key_set *keys = key_cache_read(entry->cache_file, entry->issuer.url, &at_ms, &err);
	if (keys != NULL && set_keys(issuers, entry, keys, &err)) {
		entry->good_ms = clock_mono_ms() - (clock_wall_ms() - at_ms);
		say(issuers, ISSUERS_NOTICE, "keys of %s: those of %lld minutes ago count until it answers", entry->issuer.url,
			(long long)((clock_wall_ms() - at_ms) / 60000));
	} else if (keys != NULL || err.rc != 0) {
		say(issuers, ISSUERS_WARNING, "kept keys of %s are not used: %s", entry->issuer.url, err.text);
	}
}

/* ---- fetching ---- */

struct fetch_job {
	struct job job;
	struct issuers *issuers;
	uint64_t entry_id;
	char *url, *cache_file;
	const char *algs[ISSUER_NAMES_MAX]; /* constants */
	size_t alg_count;
	bool got, kept;
	struct fetched fetched;
	struct error err, cache_err;
};

static struct entry *entry_by_id(struct issuers *issuers, uint64_t id)
{
	for (size_t i = 0; i < issuers->count; i++)
		if (issuers->entries[i].id == id)
			return &issuers->entries[i];
	return NULL;
}

/* The whole set, since more algorithms may be allowed at the next start; but none that is of no use, in place of one that is. */
static bool keep(struct fetch_job *fetch)
{
	const struct key_set *keys = fetch->fetched.keys;
	if (fetch->alg_count > 0 && !key_set_has(keys, fetch->algs, fetch->alg_count))
		return error_set(&fetch->cache_err, 0, 0, NO_KEY_ALLOWED);
	return key_cache_write(fetch->cache_file, fetch->url, keys, clock_wall_ms(), &fetch->cache_err);
}

static void fetch_run(struct job *job)
{
	struct fetch_job *fetch = (struct fetch_job *)job;
	const struct fetch_request request = {
		.issuer = fetch->url, .ca_file = fetch->issuers->ca_file, .abort = &fetch->issuers->closing};
	fetch->got = fetch_keys(&request, &fetch->fetched, &fetch->err);
	fetch->kept = fetch->got && keep(fetch);
}

static int64_t age_within_limits(int64_t age_s)
{
	if (age_s < 0)
		return ISSUERS_AGE_S;
	return age_s < ISSUERS_AGE_MIN_S ? ISSUERS_AGE_MIN_S : age_s > ISSUERS_AGE_MAX_S ? ISSUERS_AGE_MAX_S : age_s;
}

static void failed(struct issuers *issuers, struct entry *entry, const struct error *err)
{
	issuers->fetch_failures++;
	unsigned doublings = entry->failures < FAILED_DOUBLINGS_MAX ? entry->failures : FAILED_DOUBLINGS_MAX;
	if (entry->failures++ == 0)
		say(issuers, ISSUERS_WARNING, "keys of %s cannot be fetched, trying again%s: %s", entry->issuer.url,
			entry->keys ? " (the last ones count meanwhile)" : "", err->text);
	entry->due_ms = entry->began_ms + ((int64_t)FAILED_MIN_MS << doublings);
}

static void arrived(struct issuers *issuers, struct entry *entry, struct fetch_job *fetch)
{
	if (!fetch->got || !set_keys(issuers, entry, fetch->fetched.keys, &fetch->err)) {
		if (fetch->got)
			fetch->fetched.keys = NULL;
		failed(issuers, entry, &fetch->err);
		return;
	}
	fetch->fetched.keys = NULL; /* the entry's now */
	if (entry->failures > 0)
		say(issuers, ISSUERS_NOTICE, "keys of %s: it answers again", entry->issuer.url);
	if (!fetch->kept && !entry->cache_warned)
		say(issuers, ISSUERS_WARNING, "keys of %s cannot be kept for the next start: %s", entry->issuer.url, fetch->cache_err.text);
	entry->cache_warned = !fetch->kept;
	entry->failures = 0;
	entry->waiting_logged = entry->unknown_logged = false;
	entry->good_ms = entry->began_ms;
	entry->due_ms = entry->began_ms + age_within_limits(fetch->fetched.age_s) * 1000;
}

static void fetch_free(struct fetch_job *fetch)
{
	fetched_fini(&fetch->fetched);
	free(fetch->url);
	free(fetch->cache_file);
	free(fetch);
}

static void fetch_done(struct job *job)
{
	struct fetch_job *fetch = (struct fetch_job *)job;
	struct issuers *issuers = fetch->issuers;
	struct entry *entry = entry_by_id(issuers, fetch->entry_id);
	if (entry != NULL) {
		entry->busy = false;
		issuers->fetches++;
		if (!atomic_load(&issuers->closing))
			arrived(issuers, entry, fetch);
	}
	fetch_free(fetch);
}

static void fetch_start(struct issuers *issuers, struct entry *entry, int64_t now_ms)
{
	struct fetch_job *fetch = mem_zero(sizeof *fetch);
	fetch->job = (struct job){.run = fetch_run, .done = fetch_done};
	fetch->issuers = issuers;
	fetch->entry_id = entry->id;
	fetch->url = mem_text(entry->issuer.url);
	fetch->cache_file = mem_text(entry->cache_file);
	fetch->alg_count = entry->issuer.algs.count;
	for (size_t i = 0; i < fetch->alg_count; i++)
		fetch->algs[i] = alg_by_name(entry->issuer.algs.list[i])->name;
	entry->began_ms = now_ms;
	entry->busy = workers_add(issuers->workers, &fetch->job);
	if (!entry->busy)
		fetch_free(fetch);
}

static bool has_discovery(const struct entry *entry)
{
	return entry->issuer.keys == NULL;
}

void issuers_tick(struct issuers *issuers, int64_t now_ms)
{
	for (size_t i = 0; i < issuers->count; i++) {
		struct entry *entry = &issuers->entries[i];
		if (has_discovery(entry) && !entry->busy && now_ms >= entry->due_ms)
			fetch_start(issuers, entry, now_ms);
	}
}

/* ---- tokens ---- */

/* The next fetch comes as soon as may be. */
static void hurry(struct entry *entry)
{
	int64_t soonest_ms = entry->began_ms + ISSUERS_AGAIN_MS;
	if (entry->due_ms > soonest_ms)
		entry->due_ms = soonest_ms;
}

/* Whether the key may come yet. */
static bool ask_for_key(struct issuers *issuers, struct entry *entry, const char *kid, int64_t now_ms)
{
	char shown[PRINTABLE_SIZE];
	int64_t asked_ms = asked_since(&entry->asked, kid, now_ms, ISSUERS_ABSENT_MS);
	if (asked_ms != 0)
		return entry->good_ms < asked_ms;
	hurry(entry);
	if (!entry->unknown_logged)
		say(issuers, ISSUERS_NOTICE, "a token of %s is by a key that is not known (kid %s): asking for its keys", entry->issuer.url,
			printable(shown, kid));
	entry->unknown_logged = true;
	return true;
}

/* Without a kid any key of the algorithm would have been tried: what the issuer has published is not enough. */
static enum jwt_rc without_key(struct issuers *issuers, struct entry *entry, const struct jwt *jwt, int64_t now_ms, struct error *err)
{
	const char *kid = jws_kid(&jwt->jws);
	if (!has_discovery(entry))
		return JWT_BAD;
	if (entry->keys == NULL) {
		hurry(entry);
		if (!entry->waiting_logged)
			say(issuers, ISSUERS_WARNING, "logins with tokens of %s have to wait: its keys are not here yet", entry->issuer.url);
		entry->waiting_logged = true;
		return (enum jwt_rc)error_set(err, JWT_NO_KEY, 0, "the keys of its issuer are not here yet");
	}
	return ask_for_key(issuers, entry, kid ? kid : "", now_ms) ? JWT_NO_KEY : JWT_BAD;
}

static struct entry *entry_of(const struct issuers *issuers, const struct jwt *jwt)
{
	for (size_t i = 0; i < issuers->count; i++)
		if (strcmp(issuers->entries[i].issuer.url, jwt->issuer) == 0)
			return &issuers->entries[i];
	return NULL;
}

enum jwt_rc issuers_check(struct issuers *issuers, const struct jwt *jwt, int64_t now_ms, int64_t wall_ms, struct jwt_claims *out,
	struct error *err)
{
	static const struct key_set NONE;
	char shown[PRINTABLE_SIZE], wanted[PRINTABLE_SIZE];
	struct entry *entry = entry_of(issuers, jwt);
	if (entry == NULL && issuers->count == 1)
		return error_set(err, JWT_BAD, 0, "iss: %s, expected %s", printable(shown, jwt->issuer),
			printable(wanted, issuers->entries[0].issuer.url));
	if (entry == NULL)
		return error_set(err, JWT_BAD, 0, "iss: %s is none of the %zu issuers", printable(shown, jwt->issuer), issuers->count);
	enum jwt_rc rc = jwt_check(jwt, entry->keys ? entry->keys : &NONE, &entry->policy, wall_ms, out, err);
	return rc == JWT_NO_KEY ? without_key(issuers, entry, jwt, now_ms, err) : rc;
}

bool issuers_state(const struct issuers *issuers, size_t index, struct issuer_state *state)
{
	if (index >= issuers->count)
		return false;
	const struct entry *entry = &issuers->entries[index];
	*state = (struct issuer_state){entry->issuer.url, entry->keys, entry->failures};
	return true;
}

size_t issuers_audiences(const struct issuers *issuers, const char *audiences[ISSUERS_AUDIENCES_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < issuers->count; i++)
		for (size_t j = 0; j < issuers->entries[i].policy.audience_count && count < ISSUERS_AUDIENCES_MAX; j++)
			audiences[count++] = issuers->entries[i].policy.audiences[j];
	return count;
}

bool issuers_claimed(const struct issuers *issuers, const char *token, size_t len, char user_id[AUTH_USER_ID_MAX + 1])
{
	static const struct jwt_policy UNKNOWN = {.user_claim = "sub", .user_prefix = ""};
	struct jwt jwt;
	if (!jwt_read(token, len, &jwt, NULL))
		return false;
	const struct entry *entry = entry_of(issuers, &jwt);
	bool says = jwt_user(&jwt, entry ? &entry->policy : &UNKNOWN, user_id);
	jwt_fini(&jwt);
	return says;
}

/* ---- beginning and end ---- */

static void entry_fini(struct entry *entry)
{
	struct issuer_list one = {.issuers = mem_copy(&entry->issuer, sizeof entry->issuer), .count = 1};
	issuer_list_fini(&one);
	key_set_free(entry->keys);
	free(entry->cache_file);
	free(entry->published);
}

static void entries_free(struct entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		entry_fini(&entries[i]);
	free(entries);
}

/* Takes the issuers out of the list. Those with files have their keys; NULL: one could not be read. */
static struct entry *entries_new(struct issuers *issuers, struct issuer_list *list, struct error *err)
{
	struct entry *entries = mem_zero((list->count + 1) * sizeof *entries);
	size_t count = list->count;
	bool read = true;
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = &entries[i];
		entry->id = ++issuers->last_id;
		entry->issuer = list->issuers[i];
		entry->policy = issuer_policy(&entry->issuer);
		entry->began_ms = INT64_MIN / 2; /* long ago: the first fetch may come at once */
		entry->due_ms = INT64_MIN;
		if (has_discovery(entry))
			entry->cache_file = key_cache_file(issuers->cache_dir, entry->issuer.url);
		else if (read)
			read = (entry->keys = issuer_load_keys(&entry->issuer, err)) != NULL;
	}
	free(list->issuers);
	*list = (struct issuer_list){0};
	if (read)
		return entries;
	entries_free(entries, count);
	return NULL;
}

static bool start_threads(struct issuers *issuers, const struct entry *entries, size_t count, struct error *err)
{
	bool needed = false;
	for (size_t i = 0; i < count; i++)
		needed = needed || has_discovery(&entries[i]);
	if (!needed || issuers->workers != NULL)
		return true;
	issuers->http = issuers->http || http_start();
	if (issuers->http)
		issuers->workers = workers_start(issuers->conf.mailbox, "hc-oidc", THREADS, ISSUERS_MAX * 2);
	return issuers->workers != NULL || error_set(err, 0, 0, "libcurl, or a thread for it, could not be started");
}

/* What an earlier entry of the same issuer had. Its fetch comes back to the new one. */
static void inherit(struct entry *entry, struct entry *earlier)
{
	if (!has_discovery(entry) || !has_discovery(earlier))
		return;
	entry->id = earlier->id;
	entry->busy = earlier->busy;
	entry->began_ms = earlier->began_ms;
	entry->failures = earlier->failures;
	entry->good_ms = earlier->good_ms;
	entry->keys = earlier->keys;
	earlier->keys = NULL;
	entry->published = earlier->published;
	earlier->published = NULL;
	earlier->id = 0;
}

/* Where its algorithms are fewer now, what it had does not count until it is fetched anew. */
static void keep_allowed(struct entry *entry)
{
	const struct names *algs = &entry->issuer.algs;
	if (entry->keys == NULL || algs->count == 0 || key_set_restrict(entry->keys, (const char *const *)algs->list, algs->count))
		return;
	key_set_free(entry->keys);
	entry->keys = NULL;
}

static void prepare(struct issuers *issuers, struct entry *entry)
{
	if (!has_discovery(entry)) {
		say_notes(issuers, entry, entry->keys);
		say_keys(issuers, entry);
		return;
	}
	for (size_t i = 0; i < issuers->count; i++)
		if (strcmp(issuers->entries[i].issuer.url, entry->issuer.url) == 0)
			inherit(entry, &issuers->entries[i]);
	keep_allowed(entry);
	if (entry->keys == NULL)
		take_cached(issuers, entry);
}

bool issuers_replace(struct issuers *issuers, struct issuer_list *list, struct error *err)
{
	size_t count = list->count;
	struct entry *entries = entries_new(issuers, list, err);
	if (entries == NULL)
		return false;
	if (!start_threads(issuers, entries, count, err)) {
		entries_free(entries, count);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		prepare(issuers, &entries[i]);
	entries_free(issuers->entries, issuers->count);
	issuers->entries = entries;
	issuers->count = count;
	return true;
}

struct issuers *issuers_open(const struct issuers_conf *conf, struct issuer_list *list, struct error *err)
{
	struct issuers *issuers = mem_zero(sizeof *issuers);
	atomic_init(&issuers->closing, false);
	issuers->conf = *conf;
	issuers->ca_file = mem_text(conf->ca_file);
	issuers->cache_dir = mem_text(conf->cache_dir);
	if (issuers_replace(issuers, list, err))
		return issuers;
	issuers_free(issuers);
	return NULL;
}

void issuers_stats(const struct issuers *issuers, struct issuers_stats *stats)
{
	*stats = (struct issuers_stats){.issuers = issuers->count, .fetches = issuers->fetches, .fetch_failures = issuers->fetch_failures,
		.oldest_ms = INT64_MAX};
	for (size_t i = 0; i < issuers->count; i++) {
		const struct entry *entry = &issuers->entries[i];
		stats->keys += entry->keys != NULL ? entry->keys->key_count : 0;
		stats->failing += entry->failures > 0;
		if (has_discovery(entry) && entry->keys != NULL && entry->good_ms < stats->oldest_ms)
			stats->oldest_ms = entry->good_ms;
	}
}

void issuers_finish(struct issuers *issuers)
{
	if (issuers == NULL || issuers->workers == NULL)
		return;
	atomic_store(&issuers->closing, true);
	workers_finish(issuers->workers);
}

void issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	if (issuers->workers != NULL)
		workers_stop(issuers->workers);
	if (issuers->http)
		http_stop();
	entries_free(issuers->entries, issuers->count);
	free(issuers->ca_file);
	free(issuers->cache_dir);
	free(issuers);
}
