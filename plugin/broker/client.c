/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the host knows of a client. Broker thread. */
#include "plugin/broker/client.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct start {
	int ident;
	int socket;
	uint32_t packet_max;
};

static enum { NOT_TRIED, TRUSTED, UNUSABLE } layout;

/* By process_vm_readv: a pointer that is not what we think is an error and no crash. */
static bool read_start(const struct mosquitto *client, struct start *start)
{
	struct iovec to = {start, sizeof *start}, from = {(void *)(uintptr_t)client, sizeof *start};
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof *start;
}

static bool fdinfo_has(const char *fd, int socket, const void *data)
{
	char path[300], line[256];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%s", fd);
	FILE *info = fopen(path, "re");
	if (info == NULL)
		return false;
	bool found = false;
	while (!found && fgets(line, sizeof line, info) != NULL) {
		int watched;
		unsigned long with;
		found = sscanf(line, "tfd: %d events: %*x data: %lx", &watched, &with) == 2 && watched == socket && with == (uintptr_t)data;
	}
	fclose(info);
	return found;
}

/* Some epoll of this process watches the socket with the client's pointer as its data. */
static bool kernel_confirms(int socket, const void *client)
{
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return false;
	bool found = false;
	struct dirent *entry;
	while (!found && (entry = readdir(dir)) != NULL) {
		char path[300], link[64];
		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		ssize_t len = readlink(path, link, sizeof link - 1);
		if (len <= 0)
			continue;
		link[len] = '\0';
		found = strcmp(link, "anon_inode:[eventpoll]") == 0 && fdinfo_has(entry->d_name, socket, client);
	}
	closedir(dir);
	return found;
}

static bool known(const struct mosquitto *client, struct start *start)
{
	if (layout == UNUSABLE || !read_start(client, start))
		return false;
	if (layout == NOT_TRIED && start->socket >= 0) /* a session that is offline has none, and tells nothing */
		layout = kernel_confirms(start->socket, client) ? TRUSTED : UNUSABLE;
	return layout == TRUSTED;
}

int client_socket(const struct mosquitto *client)
{
	struct start start;
	return known(client, &start) ? start.socket : -1;
}

int client_port(const struct mosquitto *client)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof own;
	int socket = client_socket(client);
	if (socket < 0 || getsockname(socket, (struct sockaddr *)&own, &len) != 0)
		return -1;
	switch (own.ss_family) {
	case AF_INET:
		return ntohs(((const struct sockaddr_in *)&own)->sin_port);
	case AF_INET6:
		return ntohs(((const struct sockaddr_in6 *)&own)->sin6_port);
	case AF_UNIX:
		return 0;
	default:
		return -1;
	}
}

static bool address_of_peer(int socket, char address[CLIENT_ADDRESS_SIZE])
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	if (socket < 0 || getpeername(socket, (struct sockaddr *)&peer, &len) != 0)
		return false;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
	if (peer.ss_family == AF_INET)
		return inet_ntop(AF_INET, &((const struct sockaddr_in *)&peer)->sin_addr, address, CLIENT_ADDRESS_SIZE) != NULL;
	if (peer.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
		return inet_ntop(AF_INET, &v6->s6_addr[12], address, CLIENT_ADDRESS_SIZE) != NULL;
	return peer.ss_family == AF_INET6 && inet_ntop(AF_INET6, v6, address, CLIENT_ADDRESS_SIZE) != NULL;
}

bool client_address(const struct mosquitto *client, char address[CLIENT_ADDRESS_SIZE])
{
	unsigned char bytes[sizeof(struct in6_addr)];
	const char *said = mosquitto_client_address(client);
	if (mosquitto_client_protocol(client) == mp_websockets) {
		if (address_of_peer(client_socket(client), address))
			return true;
	} else if (said != NULL && strlen(said) < CLIENT_ADDRESS_SIZE && (inet_pton(AF_INET, said, bytes) == 1 || inet_pton(AF_INET6, said, bytes) == 1)) {
		strcpy(address, said);
		return true;
	}
	strcpy(address, "?");
	return false;
}

uint32_t client_packet_max(const struct mosquitto *client)
{
	struct start start;
	return known(client, &start) ? start.packet_max : 0;
}

int client_backlog(int socket)
{
	int bytes;
	return socket >= 0 && ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

void client_hurry(int socket, bool hurry)
{
	int on = hurry;
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* not TCP, or gone: nothing to be done */
}

int64_t client_received(int socket)
{
	struct tcp_info info;
	socklen_t len = sizeof info;
	int unread;
	bool known = socket >= 0 && getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	             len >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received &&
	             ioctl(socket, SIOCINQ, &unread) == 0;
	return known ? (int64_t)info.tcpi_bytes_received - unread : -1;
}
