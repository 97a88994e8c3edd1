/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: single sign-on, but for tokens (explain.c). One thread, blocks. */
#include "plugin/ctl/signon.h"

#include <errno.h>
#include <stdio.h>
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

static void print_keys(const struct key_set *keys)
{
	char shown[PRINTABLE_SIZE];
	for (size_t i = 0; i < keys->key_count; i++)
		printf("  %-6s %s\n", keys->keys[i].alg->name, keys->keys[i].kid ? printable(shown, keys->keys[i].kid) : "(no kid)");
	for (size_t i = 0; i < keys->note_count; i++)
		printf("  %s\n", keys->notes[i]);
}

static void print_age(int64_t ms)
{
	if (ms < 2 * 60 * 1000)
		printf("%lld seconds old", (long long)(ms / 1000));
	else if (ms < 2 * 60 * 60 * 1000)
		printf("%lld minutes old", (long long)(ms / 60000));
	else
		printf("%lld hours old", (long long)(ms / 3600000));
}

/* ---- issuers ---- */

static bool clock_is_sound(const struct issuer *issuer, int64_t date_s)
{
	if (date_s == 0) {
		puts("  it does not say how late it is");
		return true;
	}
	int64_t behind_s = clock_wall_ms() / 1000 - date_s, off_s = llabs(behind_s);
	if (off_s <= 1) {
		puts("  clocks: alike, to the second");
		return true;
	}
	printf("  clocks: its is %lld s %s this one\n", (long long)off_s, behind_s > 0 ? "behind" : "ahead of");
	if (off_s > issuer->leeway_s)
		printf("  that is more than the leeway of %d s: fresh tokens may be refused\n", issuer->leeway_s);
	return off_s <= issuer->leeway_s || off_s <= CLOCK_OFF_S;
}

/* What the broker has kept, if it may be read. */
static struct key_set *print_kept(const struct conf *conf, const struct issuer *issuer)
{
	struct error err;
	int64_t at_ms;
	char *directory = signon_cache_dir(conf), *file = key_cache_file(directory, issuer->url);
	struct key_set *keys = key_cache_read(file, issuer->url, &at_ms, &err);
	if (keys != NULL) {
		printf("  kept by the broker: %zu keys, ", keys->key_count);
		print_age(clock_wall_ms() - at_ms);
		puts("");
	} else {
		printf("  kept by the broker: none (%s)\n", err.text);
	}
	free(file);
	free(directory);
	return keys;
}

static bool restrict_keys(struct key_set *keys, const struct issuer *issuer)
{
	return issuer->algs.count == 0 || key_set_restrict(keys, (const char *const *)issuer->algs.list, issuer->algs.count);
}

static void examine_discovery(const struct conf *conf, struct finding *finding)
{
	struct error err;
	struct fetched fetched;
	const struct issuer *issuer = finding->issuer;
	const struct fetch_request request = {.issuer = issuer->url, .ca_file = conf->oidc_ca};
	struct key_set *kept;
	printf("issuer %s\n", issuer->url);
	finding->sound = fetch_keys(&request, &fetched, &err);
	if (!finding->sound) {
		printf("  it cannot be asked: %s\n", err.text);
		finding->keys = print_kept(conf, issuer);
		if (finding->keys != NULL)
			print_keys(finding->keys);
		return;
	}
	printf("  keys at %s", fetched.jwks_uri);
	if (fetched.age_s >= 0)
		printf(", good for %lld s by their Cache-Control", (long long)fetched.age_s);
	puts("");
	finding->sound = restrict_keys(fetched.keys, issuer);
	print_keys(fetched.keys);
	if (!finding->sound)
		puts("  none is for one of the issuer's \"algorithms\"");
	finding->sound = clock_is_sound(issuer, fetched.date_s) && finding->sound;
	kept = print_kept(conf, issuer);
	key_set_free(kept);
	finding->keys = fetched.keys;
	fetched.keys = NULL;
	fetched_fini(&fetched);
}

static void examine_file(struct finding *finding)
{
	struct error err;
	printf("issuer %s\n  keys in %s\n", finding->issuer->url, finding->issuer->keys);
	finding->keys = issuer_load_keys(finding->issuer, &err);
	finding->sound = finding->keys != NULL;
	if (finding->sound)
		print_keys(finding->keys);
	else
		printf("  %s\n", err.text);
}

int signon_examine(const struct ctl_command *command, const struct conf *conf, const char *token_file)
{
	struct issuer_list list;
	struct error err;
	int rc = CTL_OK;
	if (!signon_list(conf, &list, &err))
		return ctl_failed(command, "%s", err.text);
	if (!http_start()) {
		issuer_list_fini(&list);
		return ctl_failed(command, "libcurl does not start");
	}
	struct finding *findings = mem_zero(list.count * sizeof *findings);
	for (size_t i = 0; i < list.count; i++) {
		findings[i].issuer = &list.issuers[i];
		if (list.issuers[i].keys != NULL)
			examine_file(&findings[i]);
		else
			examine_discovery(conf, &findings[i]);
		rc = findings[i].sound ? rc : CTL_FAILED;
	}
	if (token_file != NULL && explain_token(command, conf, findings, list.count, token_file) != CTL_OK)
		rc = CTL_FAILED;
	for (size_t i = 0; i < list.count; i++)
		key_set_free(findings[i].keys);
	free(findings);
	issuer_list_fini(&list);
	http_stop();
	return rc;
}
