/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: single sign-on. One thread, blocks. What it knows of a token it has from the functions that the broker asks. */
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

enum { CLOCK_OFF_S = 5 };

/* What was found out about one issuer. */
struct finding {
	const struct issuer *issuer;
	struct key_set *keys; /* those that the broker would use; NULL: none */
	bool sound;
};

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

/* ---- a token ---- */

/* At most JWT_MAX bytes and what an editor adds. NULL: said. */
static char *read_token(const struct ctl_command *command, const char *file)
{
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (in == NULL) {
		ctl_failed(command, "%s: %s", file, strerror(errno));
		return NULL;
	}
	char *text = mem_zero(JWT_MAX + 66);
	size_t len = fread(text, 1, JWT_MAX + 65, in);
	if (in != stdin)
		fclose(in);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static const char *const HINTS[][2] = {
	{"exp:", "The app has to get a new one. If a new one is refused as well, compare the clocks above."},
	{"nbf:", "Compare the clocks above."},
	{"iat:", "Compare the clocks above."},
	{"aud:", "The provider has to be told to name our audience, or the option audience has to be one of the token's."},
	{"azp:", "The app's client ID is not among authorized_parties."},
	{"client_id:", "The app's client ID is not among authorized_parties."},
	{"no key", "A key of the list above must have this alg and kid: is the token of another realm or tenant, or older than the last change of keys?"},
	{"the signature", "The text was changed or cut on its way, or somebody else signed it."},
	{"header: typ", "It is neither an ID token nor an access token."},
	{"not a token", "It is no JWT at all. Some providers give opaque access tokens unless an audience is asked for."},
};

static void print_hint(const char *reason)
{
	for (size_t i = 0; i < sizeof HINTS / sizeof *HINTS; i++)
		if (strncmp(reason, HINTS[i][0], strlen(HINTS[i][0])) == 0)
			printf("  %s\n", HINTS[i][1]);
}

static int refused(const char *reason)
{
	printf("token: refused: %s\n", reason);
	print_hint(reason);
	return CTL_FAILED;
}

static void print_audiences(const struct jwt *jwt)
{
	char shown[PRINTABLE_SIZE];
	const json_t *aud = json_object_get(jwt->claims, "aud"), *member;
	size_t i;
	if (json_is_string(aud))
		printf("  it is for %s\n", printable(shown, json_string_value(aud)));
	json_array_foreach(aud, i, member) if (json_is_string(member)) printf("  it is for %s\n", printable(shown, json_string_value(member)));
}

static int let_in(const struct jwt_claims *claims)
{
	char when[32];
	time_t end = (time_t)(claims->expires_at_ms / 1000);
	struct tm utc;
	gmtime_r(&end, &utc);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &utc);
	printf("token: good, for the user %s until %s UTC\n"
		   "  If the broker refuses it, its log says which of these it is: the username (empty, the user ID or jwt), the client ID (%s/<device>, or\n"
		   "  one without a slash), or an account that was deleted after the token was issued.\n",
		claims->user_id, when, claims->user_id);
	return CTL_OK;
}

static int judge(const struct finding *findings, size_t count, const struct jwt *jwt)
{
	static const struct key_set NONE;
	char text[200], shown[PRINTABLE_SIZE];
	struct jwt_claims claims;
	struct error err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(findings[i].issuer->url, jwt->issuer) != 0)
			continue;
		struct jwt_policy policy = issuer_policy(findings[i].issuer);
		const struct key_set *keys = findings[i].keys ? findings[i].keys : &NONE;
		if (jwt_check(jwt, keys, &policy, clock_wall_ms(), &claims, &err) == JWT_OK)
			return let_in(&claims);
		int rc = refused(err.text);
		if (strncmp(err.text, "aud:", 4) == 0)
			print_audiences(jwt);
		return rc;
	}
	snprintf(text, sizeof text, "iss: %s is none of the issuers above (to the letter)", printable(shown, jwt->issuer));
	return refused(text);
}

static int explain(const struct ctl_command *command, const struct finding *findings, size_t count, const char *file)
{
	struct jwt jwt;
	struct error err;
	char *token = read_token(command, file);
	if (token == NULL)
		return CTL_FAILED;
	int rc = CTL_OK;
	if (!jwt_read(token, strlen(token), &jwt, &err)) {
		rc = refused(err.text);
	} else {
		rc = judge(findings, count, &jwt);
		jwt_fini(&jwt);
	}
	free(token);
	return rc;
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
	if (token_file != NULL && explain(command, findings, list.count, token_file) != CTL_OK)
		rc = CTL_FAILED;
	for (size_t i = 0; i < list.count; i++)
		key_set_free(findings[i].keys);
	free(findings);
	issuer_list_fini(&list);
	http_stop();
	return rc;
}
