/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * exchange URL USER TOKEN TO COUNT: the same as exchange.mjs, with Paho in C. Everything happens on the library's thread, in its callbacks; main only
 * connects whenever nothing is connected. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <MQTTAsync.h>

enum {
	UNDER_WAY = 10,
	PAUSE_US = 20000,
};

static struct exchange {
	MQTTAsync client;
	const char *user, *token, *to;
	int count, next;  /* commands in all; the first that was never sent */
	int under_way;    /* sent and not come back */
	bool *is_sent;    /* came back */
	atomic_bool connecting;
} self;

static void die(const char *what, int rc)
{
	fprintf(stderr, "%s: %d\n", what, rc);
	exit(1);
}

/* A command that does not get away because the connection ended is sent after the next connect. */
static void send_command(int number)
{
	char topic[256], payload[128];
	snprintf(topic, sizeof topic, "hc/user/%s/send/%s-%d", self.to, self.user, number);
	int len = snprintf(payload, sizeof payload, "{\"body\": \"%s-%d\"}", self.user, number);
	MQTTAsync_send(self.client, topic, len, payload, 1, 0, NULL);
}

static void send_more(void)
{
	for (; self.under_way < UNDER_WAY && self.next < self.count; self.under_way++)
		send_command(self.next++);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
	(void)context, (void)data;
	for (int i = 0; i < self.next; i++)
		if (!self.is_sent[i])
			send_command(i);
	send_more();
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
	(void)context, (void)data;
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	options.onSuccess = on_subscribed;
	MQTTAsync_subscribe(self.client, "hc/me/inbox", 1, &options);
	self.connecting = false;
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
	(void)context, (void)data;
	self.connecting = false;
}

static void take_line(const char *line)
{
	char sender[80], command[80];
	snprintf(sender, sizeof sender, "\"senderID\":\"%s\"", self.user);
	snprintf(command, sizeof command, "\"commandID\":\"%s-", self.user);
	const char *found = strstr(line, sender) ? strstr(line, command) : NULL;
	int number = found ? atoi(found + strlen(command)) : -1;
	if (number >= 0 && number < self.next && !self.is_sent[number]) {
		self.is_sent[number] = true;
		self.under_way--;
	}
	puts(line);
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	(void)context, (void)topic_len;
	char *text = strndup(message->payload, (size_t)message->payloadlen);
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			take_line(line);
	free(text);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	send_more();
	return 1;
}

static void connect_again(void)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	options.username = self.user;
	options.password = self.token;
	options.cleansession = 0;
	options.maxInflight = 100;
	options.onSuccess = on_connected;
	options.onFailure = on_failure;
	self.connecting = true;
	if (MQTTAsync_connect(self.client, &options) != MQTTASYNC_SUCCESS)
		self.connecting = false;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		die("exchange URL USER TOKEN TO COUNT", argc);
	self = (struct exchange){.user = argv[2], .token = argv[3], .to = argv[4], .count = atoi(argv[5])};
	self.is_sent = calloc((size_t)self.count, sizeof *self.is_sent);
	char client_id[80];
	snprintf(client_id, sizeof client_id, "%s/phone", self.user);
	setvbuf(stdout, NULL, _IOLBF, 0);
	int rc = MQTTAsync_create(&self.client, argv[1], client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setCallbacks(self.client, NULL, NULL, on_message, NULL);
	if (rc != MQTTASYNC_SUCCESS || self.is_sent == NULL)
		die("no client", rc);
	for (;; usleep(PAUSE_US))
		if (!self.connecting && !MQTTAsync_isConnected(self.client))
			connect_again();
}
