/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Issuers as the operator names them. Any thread, one at a time. The file is read strictly: a member with a slip in its name would
 * otherwise be a check that nobody makes. */
#include "plugin/auth/issuer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "plugin/auth/device_token.h"
#include "plugin/auth/discovery.h"
#include "plugin/auth/printable.h"

enum { LEEWAY_S = 30, TEXT_MAX = 512, CLAIM_MAX = 64 };

/* ---- lists ---- */

static void names_add(struct names *names, const char *name)
{
	names->list = mem_grow(names->list, (names->count + 1) * sizeof *names->list);
	names->list[names->count++] = mem_text(name);
}

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static void issuer_fini(struct issuer *issuer)
{
	free(issuer->url);
	free(issuer->keys);
	free(issuer->prefix);
	free(issuer->user_claim);
	free(issuer->name_claim);
	free(issuer->operator_claim);
	free(issuer->operator_role);
	names_fini(&issuer->audiences);
	names_fini(&issuer->parties);
	names_fini(&issuer->algs);
}

void issuer_list_fini(struct issuer_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		issuer_fini(&list->issuers[i]);
	free(list->issuers);
	*list = (struct issuer_list){0};
}

static struct issuer *list_grow(struct issuer_list *list)
{
	list->issuers = mem_grow(list->issuers, (list->count + 1) * sizeof *list->issuers);
	struct issuer *issuer = &list->issuers[list->count++];
	*issuer = (struct issuer){.leeway_s = LEEWAY_S};
	return issuer;
}

static char *text_or_null(const char *text)
{
	return text && text[0] ? mem_text(text) : NULL;
}

void issuer_list_add(struct issuer_list *list, const struct issuer_options *options)
{
	struct issuer *issuer = list_grow(list);
	issuer->url = mem_text(options->url);
	issuer->keys = text_or_null(options->keys);
	issuer->prefix = mem_text("");
	issuer->user_claim = mem_text(options->user_claim);
	issuer->name_claim = text_or_null(options->name_claim);
	issuer->operator_claim = text_or_null(options->operator_claim);
	issuer->operator_role = text_or_null(options->operator_role);
	names_add(&issuer->audiences, options->audience);
	issuer->leeway_s = options->leeway_s;
}

/* ---- the members of one ---- */

static bool text_fits(const json_t *value, size_t max)
{
	const char *text = json_string_value(value);
	return text && text[0] && json_string_length(value) <= max && !text_has_control(text, strlen(text));
}

static bool read_text(const json_t *value, size_t max, char **text, struct error *err)
{
	if (!text_fits(value, max))
		return error_set(err, 0, 0, "must be a text of 1 to %zu bytes without control characters", max);
	*text = mem_text(json_string_value(value));
	return true;
}

static bool read_url(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_text(value, TEXT_MAX, &issuer->url, err);
}

static bool read_keys(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_text(value, 4096, &issuer->keys, err);
}

static bool read_user_claim(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_text(value, CLAIM_MAX, &issuer->user_claim, err);
}

static bool read_name_claim(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_text(value, CLAIM_MAX, &issuer->name_claim, err);
}

static bool read_operator_claim(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_text(value, CLAIM_MAX, &issuer->operator_claim, err);
}

static bool read_operator_role(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_text(value, TEXT_MAX, &issuer->operator_role, err);
}

static bool read_prefix(const json_t *value, struct issuer *issuer, struct error *err)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	if (text == NULL || len > ISSUER_PREFIX_MAX || (len > 0 && !user_id_is_valid(text, len)))
		return error_set(err, 0, 0, "must be \"\" or what a user ID can begin with, at most %d bytes", ISSUER_PREFIX_MAX);
	issuer->prefix = mem_text(text);
	return true;
}

/* One name, or an array of them. */
static bool read_names(const json_t *value, struct names *names, struct error *err)
{
	const json_t *member;
	size_t i, count = json_is_array(value) ? json_array_size(value) : 1;
	bool good = count > 0 && count <= ISSUER_NAMES_MAX && (json_is_array(value) || text_fits(value, TEXT_MAX));
	json_array_foreach(value, i, member) good = good && text_fits(member, TEXT_MAX);
	if (!good)
		return error_set(err, 0, 0, "must be a text, or an array of 1 to %d texts", ISSUER_NAMES_MAX);
	if (json_is_string(value))
		names_add(names, json_string_value(value));
	json_array_foreach(value, i, member) names_add(names, json_string_value(member));
	return true;
}

static bool read_audiences(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_names(value, &issuer->audiences, err);
}

static bool read_parties(const json_t *value, struct issuer *issuer, struct error *err)
{
	return read_names(value, &issuer->parties, err);
}

static bool read_algs(const json_t *value, struct issuer *issuer, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	if (!read_names(value, &issuer->algs, err))
		return false;
	for (size_t i = 0; i < issuer->algs.count; i++)
		if (alg_by_name(issuer->algs.list[i]) == NULL)
			return error_set(err, 0, 0, "%s is no algorithm that is known here", printable(shown, issuer->algs.list[i]));
	return true;
}

static bool read_leeway(const json_t *value, struct issuer *issuer, struct error *err)
{
	json_int_t seconds = json_is_integer(value) ? json_integer_value(value) : -1;
	if (seconds < 0 || seconds > ISSUER_LEEWAY_MAX_S)
		return error_set(err, 0, 0, "must be a number of seconds from 0 to %d", ISSUER_LEEWAY_MAX_S);
	issuer->leeway_s = (int)seconds;
	return true;
}

static const struct member {
	const char *name;
	bool (*read)(const json_t *value, struct issuer *issuer, struct error *err);
} MEMBERS[] = {
	{"issuer", read_url},
	{"audience", read_audiences},
	{"prefix", read_prefix},
	{"user_claim", read_user_claim},
	{"name_claim", read_name_claim},
	{"operator_claim", read_operator_claim},
	{"operator_role", read_operator_role},
	{"authorized_parties", read_parties},
	{"algorithms", read_algs},
	{"leeway", read_leeway},
	{"keys", read_keys},
};

static const struct member *member_find(const char *name)
{
	for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
		if (strcmp(MEMBERS[i].name, name) == 0)
			return &MEMBERS[i];
	return NULL;
}

/* ---- the file ---- */

static bool read_members(json_t *json, struct issuer *issuer, struct error *err)
{
	struct error why;
	char shown[PRINTABLE_SIZE];
	const char *name;
	json_t *value;
	json_object_foreach(json, name, value)
	{
		const struct member *member = member_find(name);
		if (member == NULL)
			return error_set(err, 0, 0, "there is no member %s", printable(shown, name));
		if (!member->read(value, issuer, &why))
			return error_set(err, 0, 0, "\"%s\" %s", name, why.text);
	}
	if (issuer->url == NULL || issuer->audiences.count == 0)
		return error_set(err, 0, 0, "\"%s\" is missing", issuer->url ? "audience" : "issuer");
	return true;
}

static bool read_issuers(struct issuer_list *list, const json_t *array, struct error *err)
{
	struct error why;
	json_t *json;
	size_t i;
	json_array_foreach(array, i, json)
	{
		struct issuer *issuer = list_grow(list);
		if (!json_is_object(json))
			return error_set(err, 0, 0, "issuer %zu: no object", i + 1);
		if (!read_members(json, issuer, &why))
			return error_set(err, 0, 0, "issuer %zu: %s", i + 1, why.text);
		if (issuer->prefix == NULL && json_array_size(array) > 1)
			return error_set(
				err, 0, 0, "issuer %zu: \"prefix\" is missing: with several issuers each says what its user IDs begin with", i + 1);
		if (issuer->prefix == NULL)
			issuer->prefix = mem_text("");
		if (issuer->user_claim == NULL)
			issuer->user_claim = mem_text("sub");
	}
	return true;
}

bool issuer_list_add_text(struct issuer_list *list, const char *text, size_t len, struct error *err)
{
	json_t *json = json_read_object(text, len, err);
	if (json == NULL)
		return false;
	const json_t *array = json_object_get(json, "issuers");
	bool read = json_is_array(array) && json_array_size(array) > 0 && json_array_size(array) <= ISSUERS_MAX && json_object_size(json) == 1;
	if (!read)
		error_set(err, 0, 0, "must be an object with \"issuers\" alone, an array of 1 to %d", ISSUERS_MAX);
	else
		read = read_issuers(list, array, err);
	json_decref(json);
	return read;
}

bool issuer_list_add_file(struct issuer_list *list, const char *file, struct error *err)
{
	struct error why;
	FILE *in = fopen(file, "re");
	if (in == NULL)
		return error_set(err, 0, errno, "%s: %s", file, error_words(errno));
	char *text = mem_new(ISSUERS_FILE_MAX + 1);
	size_t len = fread(text, 1, ISSUERS_FILE_MAX + 1, in);
	bool whole = !ferror(in) && len <= ISSUERS_FILE_MAX;
	fclose(in);
	bool read = whole && issuer_list_add_text(list, text, len, &why);
	if (!whole)
		error_set(err, 0, 0, "%s: cannot be read, or is longer than %d bytes", file, ISSUERS_FILE_MAX);
	else if (!read)
		error_set(err, 0, 0, "%s: %s", file, why.text);
	free(text);
	return read;
}

/* ---- all together ---- */

static bool pair_check(const struct issuer *one, const struct issuer *other, struct error *err)
{
	char shown[PRINTABLE_SIZE], also[PRINTABLE_SIZE];
	size_t len = strlen(one->prefix), other_len = strlen(other->prefix);
	size_t shorter = len < other_len ? len : other_len;
	if (strcmp(one->url, other->url) == 0)
		return error_set(err, 0, 0, "the issuer %s stands twice", printable(shown, one->url));
	if (len != other_len && strncmp(one->prefix, other->prefix, shorter) == 0)
		return error_set(err, 0, 0, "the prefixes of %s and %s must be equal, or neither may begin with the other", printable(shown, one->url),
			printable(also, other->url));
	return true;
}

bool issuer_list_check(const struct issuer_list *list, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	for (size_t i = 0; i < list->count; i++) {
		const struct issuer *issuer = &list->issuers[i];
		if (strcmp(issuer->url, DEVICE_TOKEN_ISSUER) == 0)
			return error_set(err, 0, 0, "the issuer \"" DEVICE_TOKEN_ISSUER "\" is the chat itself, for the tokens of devices: no other one can be called so");
		if (issuer->keys == NULL && (!url_is_https(issuer->url) || strchr(issuer->url, '?')))
			return error_set(
				err, 0, 0, "the issuer %s is no https address without a query, and has no file with keys", printable(shown, issuer->url));
		for (size_t j = 0; j < i; j++)
			if (!pair_check(issuer, &list->issuers[j], err))
				return false;
	}
	return true;
}

struct jwt_policy issuer_policy(const struct issuer *issuer)
{
	return (struct jwt_policy){
		.issuer = issuer->url,
		.audiences = (const char *const *)issuer->audiences.list,
		.audience_count = issuer->audiences.count,
		.parties = (const char *const *)issuer->parties.list,
		.party_count = issuer->parties.count,
		.user_claim = issuer->user_claim,
		.name_claim = issuer->name_claim,
		.operator_claim = issuer->operator_claim,
		.operator_role = issuer->operator_role ? issuer->operator_role : ISSUER_OPERATOR_ROLE,
		.user_prefix = issuer->prefix,
		.leeway_s = issuer->leeway_s,
	};
}

struct key_set *issuer_load_keys(const struct issuer *issuer, struct error *err)
{
	struct key_set *keys = key_set_load(issuer->keys, KEY_VERIFY, err);
	if (keys == NULL || issuer->algs.count == 0 || key_set_restrict(keys, (const char *const *)issuer->algs.list, issuer->algs.count))
		return keys;
	error_set(err, -1, 0, "%s: no key is for one of the issuer's \"algorithms\"", issuer->keys);
	key_set_free(keys);
	return NULL;
}
