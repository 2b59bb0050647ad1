// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup_path.c - takes a cgroup's path apart by the patterns of container runtimes, kubelet and systemd. */
#include <ctype.h>
#include <string.h>
#include "cgroup_path.h"

const char *const runtime_names[RUNTIMES] = {
	[RUNTIME_DOCKER] = "docker", [RUNTIME_CONTAINERD] = "containerd", [RUNTIME_CRIO] = "cri-o",
	[RUNTIME_PODMAN] = "podman", [RUNTIME_NSPAWN] = "systemd-nspawn", [RUNTIME_LXC] = "lxc",
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* One name of a path. */
struct name {
	const char *s;
	size_t len;
};

static bool equals(struct name n, const char *text)
{
	return n.len == strlen(text) && !memcmp(n.s, text, n.len);
}

static bool begins(struct name n, const char *text)
{
	return n.len >= strlen(text) && !memcmp(n.s, text, strlen(text));
}

static bool ends(struct name n, const char *text)
{
	size_t len = strlen(text);

	return n.len >= len && !memcmp(n.s + n.len - len, text, len);
}

static bool contains(struct name n, const char *text)
{
	return memmem(n.s, n.len, text, strlen(text)) != NULL;
}

/* Where it is too long it is none: a part of it would be another one's. */
static bool copy(char *to, size_t max, struct name from)
{
	if (!from.len || from.len > max)
		return false;
	memcpy(to, from.s, from.len);
	to[from.len] = '\0';
	return true;
}

static bool is_hex(char c)
{
	return isdigit((unsigned char)c) || (c >= 'a' && c <= 'f');
}

/* The last run of exactly 64 hex digits. */
static bool find_id(struct name n, struct name *before, struct name *id)
{
	size_t run = 0, i;

	for (i = n.len; i-- > 0;) {
		run = is_hex(n.s[i]) ? run + 1 : 0;
		if (run != CONTAINER_ID_LEN || (i && is_hex(n.s[i - 1])))
			continue;
		*before = (struct name){ n.s, i };
		*id = (struct name){ n.s + i, run };
		return true;
	}
	return false;
}

/* What is before the id: "docker-", or "kubepods-....slice:cri-containerd:" of containerd with the cgroupfs driver. */
static const struct {
	const char *with_dash, *with_colons;
	enum runtime runtime;
} prefixes[] = {
	{ "docker-", ":docker:", RUNTIME_DOCKER },
	{ "cri-containerd-", ":cri-containerd:", RUNTIME_CONTAINERD },
	{ "nerdctl-", ":nerdctl:", RUNTIME_CONTAINERD },
	{ "crio-", ":crio:", RUNTIME_CRIO },
	{ "libpod-", ":libpod:", RUNTIME_PODMAN },
	{ "libpod-payload-", ":libpod-payload:", RUNTIME_PODMAN },
};

/* Where nothing is before it: the name above. containerd's are its namespaces. */
static const struct {
	const char *parent;
	enum runtime runtime;
} parents[] = {
	{ "docker", RUNTIME_DOCKER },
	{ "k8s.io", RUNTIME_CONTAINERD },
	{ "default", RUNTIME_CONTAINERD },
};

static enum runtime runtime_of(struct name before, struct name parent)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (equals(before, prefixes[i].with_dash) || ends(before, prefixes[i].with_colons))
			return prefixes[i].runtime;
	for (i = 0; i < ARRAY_SIZE(parents); i++)
		if (!before.len && equals(parent, parents[i].parent))
			return parents[i].runtime;
	return RUNTIME_UNKNOWN;
}

static bool read_container(struct cgroup_path *p, struct name n, struct name parent)
{
	struct name before, id;

	/* the process that watches a container is outside of it, and podman's pods have such an id too */
	if (!find_id(n, &before, &id) || ends(before, "conmon-") || ends(before, "libpod_pod_"))
		return false;
	copy(p->container, CONTAINER_ID_LEN, id);
	p->machine[0] = '\0';
	p->runtime = runtime_of(before, parent);
	return true;
}

/* Of a digit for which is_hex() holds. */
static unsigned int hex_value(char c)
{
	return c <= '9' ? (unsigned int)(c - '0') : (unsigned int)(c - 'a') + 10;
}

/* systemd writes bytes that a unit's name cannot have as \xHH, '-' among them. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && is_hex(s[2]) && is_hex(s[3]) &&
		    (s[2] != '0' || s[3] != '0')) {
			*to++ = (char)(hex_value(s[2]) << 4 | hex_value(s[3]));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static bool between(struct name n, const char *before, const char *after, struct name *middle)
{
	if (!begins(n, before) || !ends(n, after) || n.len <= strlen(before) + strlen(after))
		return false;
	middle->s = n.s + strlen(before);
	middle->len = n.len - strlen(before) - strlen(after);
	return true;
}

/* Containers that have a name and no id. Of nspawn's unit only what is below `payload` is inside. */
static void read_machine(struct cgroup_path *p, struct name n, struct name parent)
{
	enum runtime runtime = RUNTIME_LXC;
	char name[UNIT_MAX + 1];
	struct name machine;

	if (equals(n, "payload") && (between(parent, "systemd-nspawn@", ".service", &machine) ||
				     between(parent, "machine-", ".scope", &machine)))
		runtime = RUNTIME_NSPAWN;
	else if (equals(parent, "lxc") || equals(parent, "lxc.payload"))
		machine = n;
	else if (!between(n, "lxc.payload.", "", &machine))
		return;
	if (!copy(name, UNIT_MAX, machine))
		return;
	if (runtime == RUNTIME_NSPAWN)
		unescape(name);
	machine = (struct name){ name, strlen(name) };
	if (!copy(p->machine, MACHINE_MAX, machine))
		return;
	p->container[0] = '\0';
	p->runtime = runtime;
}

static bool is_pod_uid(struct name n)
{
	size_t i;

	for (i = 0; i < n.len; i++)
		if (!is_hex(n.s[i]) && n.s[i] != '-' && n.s[i] != '_')
			return false;
	return n.len >= 32 && n.len <= POD_UID_MAX;
}

static struct name behind_last_dash(struct name n, size_t suffix)
{
	size_t end = n.len - suffix, from = end;

	while (from && n.s[from - 1] != '-')
		from--;
	return (struct name){ n.s + from, end - from };
}

/*
 * The kubelet's cgroup drivers: cgroupfs has podUID below kubepods/burstable, systemd has
 * kubepods-burstable-podUID.slice with '_' for '-', since '-' would be a slice further down.
 */
static void read_pod(struct cgroup_path *p, struct name n, bool in_kubepods)
{
	const char *colon = memchr(n.s, ':', n.len);
	struct name uid = n;
	char *c;

	if (colon)
		uid.len = (size_t)(colon - n.s);
	if (ends(uid, ".slice")) {
		if (!contains(n, "kubepods"))
			return;
		uid = behind_last_dash(uid, strlen(".slice"));
	} else if (!in_kubepods) {
		return;
	}
	if (!begins(uid, "pod"))
		return;
	uid = (struct name){ uid.s + 3, uid.len - 3 };
	if (!is_pod_uid(uid))
		return;
	copy(p->pod_uid, POD_UID_MAX, uid);
	for (c = p->pod_uid; *c; c++)
		if (*c == '_')
			*c = '-';
}

/* systemd puts '_' before a name that the kernel could take for a file of its own (cg_escape). */
static struct name unescaped(struct name n)
{
	if (n.len > 1 && n.s[0] == '_')
		return (struct name){ n.s + 1, n.len - 1 };
	return n;
}

static bool is_unit(struct name n)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
						".swap" };
	bool has_suffix = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suffixes); i++)
		has_suffix |= ends(n, suffixes[i]) && n.len > strlen(suffixes[i]);
	for (i = 0; i < n.len && has_suffix; i++)
		if (!isalnum((unsigned char)n.s[i]) && !strchr(":-_.\\@", n.s[i]))
			return false;
	return has_suffix && n.s[0] != '@';
}

/* The next name of *path, which is moved behind it. False: there is none. */
static bool next_name(const char **path, struct name *n)
{
	while (**path == '/')
		++*path;
	n->s = *path;
	n->len = strcspn(*path, "/");
	*path += n->len;
	return n->len > 0;
}

void cgroup_path__read(const char *path, struct cgroup_path *p)
{
	struct name n, parent = { "", 0 };
	bool in_kubepods = false;

	memset(p, 0, sizeof(*p));
	while (next_name(&path, &n)) {
		read_pod(p, n, in_kubepods);
		read_machine(p, n, parent);
		if (!read_container(p, n, parent) && is_unit(unescaped(n)))
			copy(p->unit, UNIT_MAX, unescaped(n));
		in_kubepods |= contains(n, "kubepods");
		parent = n;
	}
}

bool cgroup_path__has_unit(const char *path, const char *unit)
{
	struct name n;

	while (next_name(&path, &n)) {
		n = unescaped(n);
		if (equals(n, unit))
			return true;
		if (!strchr(unit, '.') && begins(n, unit) && ends(n, ".service") &&
		    n.len == strlen(unit) + strlen(".service"))
			return true;
	}
	return false;
}

bool cgroup_path__has_container(const char *path, const char *id)
{
	struct name n, before, found;

	while (next_name(&path, &n))
		if (find_id(n, &before, &found) && begins(found, id))
			return true;
	return false;
}
