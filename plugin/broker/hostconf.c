/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Judges the broker's own configuration by one table of checks. Any thread, at start only. */
#include "plugin/broker/hostconf.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "plugin/broker/hostconf_read.h"

enum {
	QUEUE_GOOD = 10000,
	COMMAND_MAX = 64 << 10,              /* the longest command that is taken: JOURNAL_PAYLOAD_MAX */
	COMMAND_PACKET = COMMAND_MAX + 1024, /* with its topic and the properties of MQTT 5 */
};

/* A check writes its text and returns whether there is something to say. */
#define SAY(...) (snprintf(text, size, __VA_ARGS__), true)

static bool check_per_listener(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->is_2_0 && s->per_listener &&
	       SAY("per_listener_settings true: Mosquitto 2.0 never calls plugins between packets then. Set it to false, or use 2.1");
}

static bool check_mount_point(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->mount_point.met && SAY("mount_point of listener %s: chat topics have other names behind it. Remove it", s->mount_point.name);
}

static bool check_instances(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->instances > 1 &&
	       SAY(HOSTCONF_PLUGIN_FILE " is loaded %u times, it works only once in a broker. Keep one of its lines", s->instances);
}

static bool check_unread(const struct hostconf_settings *s, char *text, size_t size)
{
	if (s->unread.met)
		return SAY("Mosquitto's settings in %s could not be read again (%s) and were not checked", s->unread.name,
			error_words(s->unread_errno));
	return !s->read && SAY("Mosquitto's settings were not checked: its command line has no -c FILE");
}

static bool check_for_one_listener(const struct hostconf_settings *s, char *text, size_t size)
{
	return !s->is_2_0 && s->for_one_listener &&
	       SAY(HOSTCONF_PLUGIN_FILE " belongs to single listeners: clients of others reach chat topics unchecked. Use global_plugin");
}

static bool check_order(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->instances > 0 && s->before.met &&
	       SAY("plugin %.40s is asked first: whom it gives hc/# reads the events of chats, whom it knows has no login by token. Put its line behind",
			   s->before.name);
}

static bool check_bridge(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->bridge.met &&
	       SAY("topic %s of bridge %s covers chat topics: a bridge skips all checks. Choose topics that do not", s->bridge_topic.name,
			   s->bridge.name);
}

static bool check_certificate(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->certificate.met && !s->own.by_certificate &&
	       SAY("use_identity_as_username or use_subject_as_username of listener %s: no token is asked there, so its clients cannot chat",
			   s->certificate.name);
}

/* Then the port of a client would not tell where its name comes from. */
static bool check_mixed(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->mixed.met && s->own.by_certificate &&
	       SAY("listener %s: another one of the same port takes user names from elsewhere. Give one of them another port", s->mixed.name);
}

static bool check_ports(const struct hostconf_settings *s, char *text, size_t size)
{
	return (s->own.by_certificate || s->own.refuses_plain) && (!s->read || s->unread.met || s->port_count == HOSTCONF_LISTENERS_MAX) &&
	       SAY("which listeners have TLS and certificates could not be read: where that is not known, nobody gets in");
}

static bool check_acl(const struct hostconf_settings *s, char *text, size_t size)
{
	const struct hostconf_place *place = s->acl.met ? &s->acl : &s->acl_of_plugin;
	return !s->is_2_0 && place->met &&
	       SAY("acl_file %s: Mosquitto 2.1 no longer matches %%c with a client ID that contains '/', as user/device does. Use %%u",
			   place->name);
}

/* Without a plugin everybody may use all topics then; with one, Mosquitto refuses what nobody allows. */
static bool check_passwords(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->own.defers && s->passwords.met && !s->acl_given && !s->others && s->read && !s->unread.met &&
	       SAY("password_file %.60s without acl_file: beside a plugin its clients may use no topic. Set acl_file to one with 'pattern readwrite #'",
			   s->passwords.name);
}

/* What was left at its default is judged only when everything was read. */
static bool is_known(const struct hostconf_settings *s, bool set)
{
	return set || (s->read && !s->unread.met);
}

static bool check_duplicates(const struct hostconf_settings *s, char *text, size_t size)
{
	return !s->duplicates && is_known(s, s->duplicates_set) &&
	       SAY("allow_duplicate_messages is false%s: one message to many MQTT 3 clients takes quadratic time. Set it to true",
			   s->is_2_0 && !s->duplicates_set ? ", the default of Mosquitto 2.0" : "");
}

static bool check_queue_max(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->queue_max > 0 && s->queue_max < QUEUE_GOOD && is_known(s, s->queue_set) &&
	       SAY("max_queued_messages is %d%s: above it Mosquitto drops messages without a word. Set it to %d or more, or to 0", s->queue_max,
			   s->queue_set ? "" : ", the default", QUEUE_GOOD);
}

static bool check_queue_qos0(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->queue_qos0 &&
	       SAY("queue_qos0_messages true: useless here, an offline device gets its messages from the store. Set it to false");
}

/* Both limits are for what clients send; what the broker sends knows only the client's own limit. */
static bool check_payload_max(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->payload_max > 0 && s->payload_max < COMMAND_MAX &&
	       SAY("message_size_limit %d: Mosquitto drops longer commands, for MQTT 3 clients without a word. Set it to %d or more, or to 0",
			   s->payload_max, COMMAND_MAX);
}

static bool check_packet_max(const struct hostconf_settings *s, char *text, size_t size)
{
	return s->packet_max > 0 && s->packet_max < COMMAND_PACKET &&
	       SAY("max_packet_size %d: Mosquitto cuts the connection of a client whose command is longer. Set it to %d or more", s->packet_max,
			   COMMAND_PACKET);
}

static const struct check {
	bool fatal;
	bool (*check)(const struct hostconf_settings *settings, char *text, size_t size);
} CHECKS[] = {
	{true, check_per_listener},
	{true, check_mount_point},
	{true, check_instances},
	{true, check_mixed},
	{false, check_unread},
	{false, check_for_one_listener},
	{false, check_order},
	{false, check_bridge},
	{false, check_certificate},
	{false, check_ports},
	{false, check_acl},
	{false, check_passwords},
	{false, check_duplicates},
	{false, check_queue_max},
	{false, check_queue_qos0},
	{false, check_payload_max},
	{false, check_packet_max},
};
_Static_assert(sizeof CHECKS / sizeof *CHECKS == HOSTCONF_FINDING_MAX, "the header says how many");

static size_t judge(const struct hostconf_settings *settings, struct hostconf_finding *findings, size_t max)
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS && count < max; i++) {
		struct hostconf_finding *finding = &findings[count];
		finding->fatal = CHECKS[i].fatal;
		count += CHECKS[i].check(settings, finding->text, sizeof finding->text);
	}
	return count;
}

static bool is_2_0(const int version[3])
{
	return version[0] < 2 || (version[0] == 2 && version[1] == 0);
}

static size_t check(const char *command_line, size_t len, const int version[3], const struct hostconf_own *own,
	struct hostconf_settings *settings, struct hostconf_finding *findings, size_t max)
{
	hostconf_read(command_line, len, is_2_0(version), own->prefix, settings);
	settings->own = *own;
	return judge(settings, findings, max);
}

size_t hostconf_check(const char *command_line, size_t len, const int version[3], const struct hostconf_own *own,
	struct hostconf_finding *findings, size_t max)
{
	struct hostconf_settings settings;
	return check(command_line, len, version, own, &settings, findings, max);
}

size_t hostconf_check_self(const int version[3], const struct hostconf_own *own, struct hostconf_settings *settings,
	struct hostconf_finding *findings, size_t max)
{
	struct buf command_line = BUF_EMPTY;
	struct hostconf_settings unwanted;
	bool read = hostconf_own_command_line(&command_line);
	size_t count = check(command_line.data, read ? command_line.len : 0, version, own, settings ? settings : &unwanted, findings, max);
	buf_fini(&command_line);
	return count;
}

bool hostconf_asks_always(const struct hostconf_settings *settings)
{
	return settings->read && !settings->unread.met && settings->instances == 1 && !settings->before.met && !settings->for_one_listener;
}

int hostconf_sys_interval(const int version[3])
{
	struct hostconf_settings settings;
	struct buf command_line = BUF_EMPTY;
	bool read = hostconf_own_command_line(&command_line);
	hostconf_read(command_line.data, read ? command_line.len : 0, is_2_0(version), "", &settings);
	buf_fini(&command_line);
	return settings.sys_interval_s;
}
