/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: single sign-on, but for tokens (explain.c). One thread, blocks. */
#include "plugin/ctl/signon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "plugin/auth/fetch.h"
#include "plugin/auth/http.h"
#include "plugin/auth/key_cache.h"
#include "plugin/auth/printable.h"
#include "plugin/broker/signon.h"
#include "plugin/ctl/explain.h"

enum { CLOCK_OFF_S = 5 };

static void add_keys(struct examination *exam, const struct key_set *keys)
{
	char shown[PRINTABLE_SIZE];
	for (size_t i = 0; i < keys->key_count; i++)
		exam_fine(exam, "%-6s %s", keys->keys[i].alg->name, keys->keys[i].kid ? printable(shown, keys->keys[i].kid) : "(no kid)");
	for (size_t i = 0; i < keys->note_count; i++)
		exam_fine(exam, "%s", keys->notes[i]);
}

static void add_kept(struct examination *exam, size_t count, int64_t age_ms)
{
	static const struct {
		int64_t unit_ms;
		const char *name;
	} UNITS[] = {{3600000, "hours"}, {60000, "minutes"}, {1000, "seconds"}};
	size_t unit = 0;
	while (unit < 2 && age_ms < 2 * UNITS[unit].unit_ms)
		unit++;
	exam_fine(exam, "kept by the broker: %zu keys, %lld %s old", count, (long long)(age_ms / UNITS[unit].unit_ms), UNITS[unit].name);
}

/* ---- issuers ---- */

static bool clock_is_sound(struct examination *exam, const struct issuer *issuer, int64_t date_s)
{
	static const char LATE[] = "that is more than the leeway of %d s: fresh tokens may be refused";
	if (date_s == 0) {
		exam_fine(exam, "it does not say how late it is");
		return true;
	}
	int64_t behind_s = clock_wall_ms() / 1000 - date_s, off_s = llabs(behind_s);
	if (off_s <= 1) {
		exam_fine(exam, "clocks: alike, to the second");
		return true;
	}
	exam_fine(exam, "clocks: its is %lld s %s this one", (long long)off_s, behind_s > 0 ? "behind" : "ahead of");
	bool sound = off_s <= issuer->leeway_s || off_s <= CLOCK_OFF_S;
	if (!sound)
		exam_wrong(exam, LATE, issuer->leeway_s);
	else if (off_s > issuer->leeway_s)
		exam_note(exam, LATE, issuer->leeway_s);
	return sound;
}

/* What the broker has kept, if it may be read. */
static struct key_set *find_kept(struct examination *exam, const struct issuer *issuer)
{
	struct error err;
	int64_t at_ms;
	char *directory = signon_cache_dir(exam->conf), *file = key_cache_file(directory, issuer->url);
	struct key_set *keys = key_cache_read(file, issuer->url, &at_ms, &err);
	if (keys != NULL)
		add_kept(exam, keys->key_count, clock_wall_ms() - at_ms);
	else
		exam_fine(exam, "kept by the broker: none (%s)", err.text);
	free(file);
	free(directory);
	return keys;
}

static bool restrict_keys(struct key_set *keys, const struct issuer *issuer)
{
	return issuer->algs.count == 0 || key_set_restrict(keys, (const char *const *)issuer->algs.list, issuer->algs.count);
}

static void examine_discovery(struct examination *exam, struct finding *finding)
{
	struct error err;
	struct fetched fetched;
	const struct issuer *issuer = finding->issuer;
	const struct fetch_request request = {.issuer = issuer->url, .ca_file = exam->conf->oidc_ca};
	struct key_set *kept;
	exam_part(exam, "issuer %s", issuer->url);
	finding->sound = fetch_keys(&request, &fetched, &err);
	if (!finding->sound) {
		exam_wrong(exam, "it cannot be asked: %s", err.text);
		finding->keys = find_kept(exam, issuer);
		if (finding->keys != NULL)
			add_keys(exam, finding->keys);
		return;
	}
	if (fetched.age_s >= 0)
		exam_fine(exam, "keys at %s, good for %lld s by their Cache-Control", fetched.jwks_uri, (long long)fetched.age_s);
	else
		exam_fine(exam, "keys at %s", fetched.jwks_uri);
	finding->sound = restrict_keys(fetched.keys, issuer);
	add_keys(exam, fetched.keys);
	if (!finding->sound)
		exam_wrong(exam, "none is for one of the issuer's \"algorithms\"");
	finding->sound = clock_is_sound(exam, issuer, fetched.date_s) && finding->sound;
	kept = find_kept(exam, issuer);
	key_set_free(kept);
	finding->keys = fetched.keys;
	fetched.keys = NULL;
	fetched_fini(&fetched);
}

static void examine_file(struct examination *exam, struct finding *finding)
{
	struct error err;
	exam_part(exam, "issuer %s", finding->issuer->url);
	exam_fine(exam, "keys in %s", finding->issuer->keys);
	finding->keys = issuer_load_keys(finding->issuer, &err);
	finding->sound = finding->keys != NULL;
	if (finding->sound)
		add_keys(exam, finding->keys);
	else
		exam_wrong(exam, "%s", err.text);
}

int signon_examine(const struct ctl_command *command, struct examination *exam, const char *token_file)
{
	struct issuer_list list;
	struct error err;
	int rc = CTL_OK;
	if (!signon_list(exam->conf, &list, &err))
		return ctl_failed(command, "%s", err.text);
	if (!http_start()) {
		issuer_list_fini(&list);
		return ctl_failed(command, "libcurl does not start");
	}
	struct finding *findings = mem_zero(list.count * sizeof *findings);
	for (size_t i = 0; i < list.count; i++) {
		findings[i].issuer = &list.issuers[i];
		if (list.issuers[i].keys != NULL)
			examine_file(exam, &findings[i]);
		else
			examine_discovery(exam, &findings[i]);
		rc = findings[i].sound ? rc : CTL_FAILED;
	}
	if (token_file != NULL && explain_token(command, exam, findings, list.count, token_file) != CTL_OK)
		rc = CTL_FAILED;
	for (size_t i = 0; i < list.count; i++)
		key_set_free(findings[i].keys);
	free(findings);
	issuer_list_fini(&list);
	http_stop();
	return rc;
}
