/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_HOSTCONF_READ_H
#define HC_BROKER_HOSTCONF_READ_H
/* The settings of the broker that matter to us, read from its configuration files; hostconf.h judges them. Any thread. */

#include <stdbool.h>
#include <stddef.h>

#include "plugin/auth/printable.h"
#include "plugin/broker/hostconf.h"

enum {
	HOSTCONF_PLUGIN_LOADS_MAX = 8, /* plugin_load lines with our file */
	HOSTCONF_QUEUE_DEFAULT = 1000, /* max_queued_messages */
	HOSTCONF_SYS_DEFAULT = 10,     /* sys_interval */
	HOSTCONF_LISTENERS_MAX = 64,   /* ports that are remembered */
};

#define HOSTCONF_PLUGIN_FILE "mosquitto_hyperchat.so"

/* The first place at which something was met. */
struct hostconf_place {
	bool met;
	char name[PRINTABLE_SIZE];
};

/* All listeners of one port: a client tells no more than that. */
struct hostconf_port {
	int port;             /* 0: a Unix socket */
	bool plain;           /* one is without TLS */
	bool plain_afar;      /* and other machines may reach it: it is not at a loopback address */
	bool by_identity, by_subject, by_token; /* one takes user names from certificates' names, from their subjects, from neither */
};

struct hostconf_settings {
	struct hostconf_own own;      /* set by hostconf.c */
	bool is_2_0;                  /* else 2.1 or later */
	bool read;                    /* a main file was found and read */
	struct hostconf_place unread; /* a file or directory that could not be, and why */
	int unread_errno;
	bool per_listener;               /* per_listener_settings */
	bool duplicates, duplicates_set; /* allow_duplicate_messages; _set: not left at its default */
	bool queue_qos0;                 /* queue_qos0_messages */
	int queue_max;                   /* max_queued_messages, 0: without limit */
	bool queue_set;
	int sys_interval_s;                         /* 0: no $SYS topics */
	int payload_max, packet_max;                /* message_size_limit, max_packet_size; 0: the default, which is large enough */
	struct hostconf_place mount_point;          /* a listener that has one */
	struct hostconf_place certificate;          /* a listener that takes user names from certificates */
	struct hostconf_place bridge, bridge_topic; /* whose local topic covers some of ours */
	struct hostconf_place acl, acl_of_plugin;   /* files with %c in a pattern */
	unsigned instances;                         /* of this plugin */
	bool for_one_listener;                      /* this plugin is not global */
	struct hostconf_place before;               /* another plugin that is asked first */
	struct hostconf_place passwords;            /* password_file */
	bool acl_given, others;                     /* an acl_file; another plugin, which may decide about topics */
	struct hostconf_port ports[HOSTCONF_LISTENERS_MAX];
	size_t port_count;
	struct hostconf_place mixed; /* a port whose listeners take user names from different places */
	char names[HOSTCONF_PLUGIN_LOADS_MAX][PRINTABLE_SIZE]; /* by plugin_load, not used so far */
};

/* command_line and prefix as for hostconf_check. Overwrites all of settings. */
void hostconf_read(const char *command_line, size_t len, bool is_2_0, const char *prefix, struct hostconf_settings *settings);

/* NULL: no listener with that port was read. */
const struct hostconf_port *hostconf_port(const struct hostconf_settings *settings, int port);

/* One more listener of its port. false: those of the port take user names from different places. */
bool hostconf_add_port(struct hostconf_settings *settings, const struct hostconf_port *listener);

/* Appends /proc/self/cmdline to text, followed by NUL. */
struct buf;
bool hostconf_own_command_line(struct buf *text);

#endif
