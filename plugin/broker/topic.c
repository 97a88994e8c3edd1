/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Topics and filters below the prefix. Pure; any thread. */
#include "plugin/broker/topic.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "plugin/broker/metrics_table.h"

enum { LEVELS_MAX = 6 };

struct level {
	const char *text;
	size_t len;
};

/* What follows "<prefix>/", NULL: it does not begin so. */
static const char *below(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);
	return strncmp(name, prefix, len) == 0 && name[len] == '/' ? name + len + 1 : NULL;
}

/* Splits at '/'; 0: more than LEVELS_MAX levels, or an empty one. */
static size_t split(const char *text, struct level levels[LEVELS_MAX])
{
	for (size_t count = 0; count < LEVELS_MAX; count++) {
		size_t len = strcspn(text, "/");
		if (len == 0)
			return 0;
		levels[count] = (struct level){text, len};
		if (text[len] == '\0')
			return count + 1;
		text += len + 1;
	}
	return 0;
}

static bool level_is(const struct level *level, const char *word)
{
	return level->len == strlen(word) && memcmp(level->text, word, level->len) == 0;
}

static bool copy(const struct level *level, char *to, size_t max)
{
	if (level->len > max || !text_is_utf8(level->text, level->len) || text_has_control(level->text, level->len))
		return false;
	memcpy(to, level->text, level->len);
	to[level->len] = '\0';
	return true;
}

bool command_id_is_valid(const char *text, size_t len)
{
	return len >= 1 && len <= COMMAND_ID_MAX && text_is_utf8(text, len) && !text_has_control(text, len) && memchr(text, '/', len) == NULL &&
	       memchr(text, '+', len) == NULL && memchr(text, '#', len) == NULL;
}

static void unknown(struct topic *topic, const char *problem)
{
	topic->kind = TOPIC_UNKNOWN;
	snprintf(topic->problem, sizeof topic->problem, "%s", problem);
}

/* …/send[/<commandID>] and …/text[/<commandID>] */
static bool read_send(struct topic *topic, const struct level *levels, size_t count)
{
	bool send = level_is(&levels[2], "send"), text = level_is(&levels[2], "text");
	if ((!send && !text) || count > 4)
		return false;
	topic->kind = send ? TOPIC_SEND : TOPIC_TEXT;
	if (count == 4) {
		if (command_id_is_valid(levels[3].text, levels[3].len))
			copy(&levels[3], topic->command_id, COMMAND_ID_MAX);
		else
			unknown(topic, "commandID: 1 to 64 bytes without control characters");
	}
	return true;
}

/* …/edit/<messageID> and its like */
static bool read_numbered(struct topic *topic, const struct level *levels, size_t count)
{
	static const struct {
		const char *word;
		enum topic_kind kind;
	} WORDS[] = {{"edit", TOPIC_EDIT}, {"delete", TOPIC_DELETE}, {"received", TOPIC_RECEIVED}, {"read", TOPIC_READ}};
	for (size_t i = 0; count == 4 && i < sizeof WORDS / sizeof *WORDS; i++) {
		if (!level_is(&levels[2], WORDS[i].word))
			continue;
		topic->kind = WORDS[i].kind;
		bool may_be_0 = topic->kind == TOPIC_RECEIVED || topic->kind == TOPIC_READ; /* nothing yet */
		if (!text_to_u64(levels[3].text, levels[3].len, INT64_MAX, &topic->number) || (topic->number == 0 && !may_be_0))
			unknown(topic, "messageID: a number is expected");
		return true;
	}
	return false;
}

static void read_chat(struct topic *topic, const struct level *levels, size_t count)
{
	if (count < 3 || !copy(&levels[1], topic->chat_id, CHAT_ID_MAX)) {
		unknown(topic, "chatID: 1 to 64 bytes, followed by what to do");
		return;
	}
	if (read_send(topic, levels, count) || read_numbered(topic, levels, count))
		return;
	if (level_is(&levels[2], "typing") && count == 3)
		topic->kind = TOPIC_TYPING;
	else if (level_is(&levels[2], "events") && count == 3)
		topic->kind = TOPIC_EVENTS;
	else
		unknown(topic, "there is no such topic");
}

static void read_user(struct topic *topic, const struct level *levels, size_t count)
{
	if (count < 3 || !copy(&levels[1], topic->user_id, USER_ID_MAX))
		unknown(topic, "userID: 1 to 128 bytes, followed by what to do");
	else if (!read_send(topic, levels, count))
		unknown(topic, "there is no such topic");
}

static void read_rpc(struct topic *topic, const struct level *levels, size_t count)
{
	topic->kind = TOPIC_RPC;
	if (count < 2 || count > 3 || !copy(&levels[1], topic->operation, COMMAND_ID_MAX))
		unknown(topic, "there is no such operation");
	else if (count == 3 && !command_id_is_valid(levels[2].text, levels[2].len))
		unknown(topic, "id: 1 to 64 bytes without control characters");
	else if (count == 3)
		copy(&levels[2], topic->command_id, COMMAND_ID_MAX);
}

void topic_read(const char *prefix, const char *name, struct topic *topic)
{
	*topic = (struct topic){.kind = TOPIC_UNKNOWN};
	const char *rest = below(prefix, name);
	if (rest == NULL) {
		topic->kind = strcmp(name, prefix) == 0 ? TOPIC_UNKNOWN : TOPIC_OUTSIDE;
		return;
	}
	if (strncmp(rest, "me/", 3) == 0) {
		topic->kind = TOPIC_ME;
		topic->rest = rest + 3;
		return;
	}
	struct level levels[LEVELS_MAX];
	size_t count = split(rest, levels);
	if (count == 0)
		unknown(topic, "the topic has an empty level, or too many");
	else if (level_is(&levels[0], "chat"))
		read_chat(topic, levels, count);
	else if (level_is(&levels[0], "user"))
		read_user(topic, levels, count);
	else if (level_is(&levels[0], "rpc"))
		read_rpc(topic, levels, count);
	else
		unknown(topic, "there is no such topic");
}

/* Shared subscriptions are seen with "$share/<group>/" before the filter. */
static const char *shared(const char *filter)
{
	if (strncmp(filter, "$share/", 7) != 0)
		return NULL;
	const char *slash = strchr(filter + 7, '/');
	return slash ? slash + 1 : "#";
}

/* Whether a filter's first level is the prefix, or a wildcard before enough levels to bring something from below it: all our topics have three at least,
 * and +/state is asked for by many who have nothing to do with the chat. */
static bool covers_prefix(const char *prefix, const char *filter)
{
	size_t len = strcspn(filter, "/");
	if (len == 1 && filter[0] == '+')
		return filter[1] == '/' && (filter[2] == '#' || strchr(filter + 2, '/') != NULL);
	return (len == 1 && filter[0] == '#') || (len == strlen(prefix) && memcmp(filter, prefix, len) == 0);
}

bool topic_is_metrics(const char *name)
{
	size_t len = strlen(METRICS_TOPIC);
	return strncmp(name, METRICS_TOPIC, len) == 0 && (name[len] == '/' || name[len] == '\0');
}

/* A wildcard in the first place covers nothing that begins with '$' (MQTT 5 §4.7.2). */
bool filter_covers_metrics(const char *filter)
{
	const char *group = shared(filter), *wanted = METRICS_TOPIC;
	for (const char *at = group != NULL ? group : filter;;) {
		size_t len = strcspn(at, "/"), wanted_len = strcspn(wanted, "/");
		bool wild = len == 1 && (*at == '+' || *at == '#');
		if (wild && *wanted == '$')
			return false;
		if (wild && *at == '#')
			return true;
		if (!wild && (len != wanted_len || memcmp(at, wanted, len) != 0))
			return false;
		if (at[len] == '\0' || wanted[wanted_len] == '\0')
			return wanted[wanted_len] == '\0';
		at += len + 1;
		wanted += wanted_len + 1;
	}
}

enum filter_kind filter_read(const char *prefix, const char *filter, const char **rest, char chat_id[CHAT_ID_MAX + 1])
{
	if (strcmp(filter, TOPIC_SINK) == 0 || strncmp(filter, TOPIC_SINK "/", sizeof TOPIC_SINK) == 0)
		return FILTER_REFUSED;
	const char *group = shared(filter);
	if (!covers_prefix(prefix, group ? group : filter))
		return FILTER_OUTSIDE;
	const char *own = below(prefix, filter);
	if (group != NULL || own == NULL)
		return FILTER_REFUSED;
	if (strncmp(own, "me/", 3) == 0) {
		*rest = own + 3;
		return FILTER_ME;
	}
	struct topic topic;
	topic_read(prefix, filter, &topic);
	if (topic.kind != TOPIC_EVENTS || strpbrk(topic.chat_id, "+#") != NULL)
		return FILTER_REFUSED;
	strcpy(chat_id, topic.chat_id);
	return FILTER_EVENTS;
}
