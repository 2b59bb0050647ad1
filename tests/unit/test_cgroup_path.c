// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup_path: what the paths of real runtimes say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cgroup_path.h"

#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID    "1a2b3c4d-0000-1111-2222-333344445555"
#define UID_   "1a2b3c4d_0000_1111_2222_333344445555"
#define STATIC "8ea86f6c2d5a0a3f5ed2b5d8a4dd1f3c"
#define SLICE  "kubepods-burstable-pod" UID_ ".slice"
#define USER   "/user.slice/user-1000.slice/user@1000.service"

static const struct {
	const char *path;
	const char *container; /* NULL: none, as are the others */
	enum runtime runtime;
	const char *pod_uid, *unit, *machine;
} paths[] = {
	/* docker, driver systemd and cgroupfs; below its init; with a systemd inside */
	{ .path = "/system.slice/docker-" ID ".scope", .container = ID, .runtime = RUNTIME_DOCKER },
	{ .path = "/docker/" ID, .container = ID, .runtime = RUNTIME_DOCKER },
	{ .path = "/docker/" ID "/init", .container = ID, .runtime = RUNTIME_DOCKER },
	{ .path = "/system.slice/docker-" ID ".scope/system.slice/nginx.service",
	  .container = ID,
	  .runtime = RUNTIME_DOCKER,
	  .unit = "nginx.service" },
	{ .path = "/docker/" ID "/init.scope",
	  .container = ID,
	  .runtime = RUNTIME_DOCKER,
	  .unit = "init.scope" },
	/* rootless docker */
	{ .path = USER "/user.slice/docker-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_DOCKER,
	  .unit = "user@1000.service" },
	/* --cgroup-parent: the path does not say whose it is */
	{ .path = "/web.slice/docker-" ID ".scope", .container = ID, .runtime = RUNTIME_DOCKER },
	{ .path = "/web/" ID, .container = ID },
	/* kubernetes: cgroupfs does not name the runtime */
	{ .path = "/kubepods/burstable/pod" UID "/" ID, .container = ID, .pod_uid = UID },
	{ .path = "/kubepods/besteffort/pod" UID "/" ID, .container = ID, .pod_uid = UID },
	{ .path = "/kubepods/pod" UID "/" ID, .container = ID, .pod_uid = UID },
	{ .path = "/kubepods/burstable/pod" STATIC "/" ID, .container = ID, .pod_uid = STATIC },
	{ .path = "/kubepods/burstable/pod" UID "/crio-" ID,
	  .container = ID,
	  .runtime = RUNTIME_CRIO,
	  .pod_uid = UID },
	{ .path = "/kubepods.slice/kubepods-burstable.slice/" SLICE "/cri-containerd-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_CONTAINERD,
	  .pod_uid = UID },
	{ .path = "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_CONTAINERD,
	  .pod_uid = UID },
	{ .path = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" STATIC
		  ".slice/crio-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_CRIO,
	  .pod_uid = STATIC },
	{ .path = "/kubepods.slice/kubepods-burstable.slice/" SLICE "/crio-" ID ".scope/container",
	  .container = ID,
	  .runtime = RUNTIME_CRIO,
	  .pod_uid = UID },
	{ .path = "/kubepods.slice/kubepods-burstable.slice/" SLICE "/docker-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_DOCKER,
	  .pod_uid = UID },
	/* what watches a container is not in it */
	{ .path = "/kubepods.slice/kubepods-burstable.slice/" SLICE "/crio-conmon-" ID ".scope",
	  .pod_uid = UID,
	  .unit = "crio-conmon-" ID ".scope" },
	{ .path = "/machine.slice/libpod-conmon-" ID ".scope",
	  .unit = "libpod-conmon-" ID ".scope" },
	/* containerd with the cgroupfs driver, the kubelet with systemd's */
	{ .path = "/system.slice/containerd.service/" SLICE ":cri-containerd:" ID,
	  .container = ID,
	  .runtime = RUNTIME_CONTAINERD,
	  .pod_uid = UID,
	  .unit = "containerd.service" },
	{ .path = "/system.slice/containerd.service/kubepods-burstable-pod" UID_
		  ".slice:cri-containerd:" ID,
	  .container = ID,
	  .runtime = RUNTIME_CONTAINERD,
	  .pod_uid = UID,
	  .unit = "containerd.service" },
	/* kind, cgroup v2: a docker container with a kubelet; k3d */
	{ .path = "/docker/" OTHER
		  "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
		  "kubelet-" SLICE "/cri-containerd-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_CONTAINERD,
	  .pod_uid = UID },
	{ .path = "/system.slice/docker-" OTHER ".scope/kubelet/kubepods/besteffort/pod" UID "/" ID,
	  .container = ID,
	  .pod_uid = UID },
	/* docker in docker, and in a pod */
	{ .path = "/docker/" OTHER "/docker/" ID, .container = ID, .runtime = RUNTIME_DOCKER },
	{ .path = "/kubepods/burstable/pod" UID "/" OTHER "/docker/" ID,
	  .container = ID,
	  .runtime = RUNTIME_DOCKER,
	  .pod_uid = UID },
	{ .path = "/docker/" OTHER "/system.slice/ssh.service",
	  .container = OTHER,
	  .runtime = RUNTIME_DOCKER,
	  .unit = "ssh.service" },
	/* podman: as root, rootless, of a unit (quadlet), in a pod of its own, with the cgroupfs manager */
	{ .path = "/machine.slice/libpod-" ID ".scope", .container = ID, .runtime = RUNTIME_PODMAN },
	{ .path = "/machine.slice/libpod-" ID ".scope/container",
	  .container = ID,
	  .runtime = RUNTIME_PODMAN },
	{ .path = USER "/user.slice/libpod-" ID ".scope/container",
	  .container = ID,
	  .runtime = RUNTIME_PODMAN,
	  .unit = "user@1000.service" },
	{ .path = "/system.slice/web.service/libpod-payload-" ID,
	  .container = ID,
	  .runtime = RUNTIME_PODMAN,
	  .unit = "web.service" },
	{ .path = "/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_PODMAN },
	{ .path = "/machine.slice/machine-libpod_pod_" OTHER ".slice" },
	{ .path = "/libpod_parent/libpod-" ID, .container = ID, .runtime = RUNTIME_PODMAN },
	/* containerd's own tools */
	{ .path = "/system.slice/nerdctl-" ID ".scope",
	  .container = ID,
	  .runtime = RUNTIME_CONTAINERD },
	{ .path = "/default/" ID, .container = ID, .runtime = RUNTIME_CONTAINERD },
	{ .path = "/k8s.io/" ID, .container = ID, .runtime = RUNTIME_CONTAINERD },
	/* containers with a name */
	{ .path = "/machine.slice/systemd-nspawn@debian\\x2d12.service/payload/system.slice/cron.service",
	  .runtime = RUNTIME_NSPAWN,
	  .unit = "cron.service",
	  .machine = "debian-12" },
	{ .path = "/machine.slice/machine-web.scope/payload",
	  .runtime = RUNTIME_NSPAWN,
	  .unit = "machine-web.scope",
	  .machine = "web" },
	{ .path = "/machine.slice/systemd-nspawn@web.service/supervisor",
	  .unit = "systemd-nspawn@web.service" },
	{ .path = "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
	  .unit = "machine-qemu\\x2d1\\x2dvm.scope" },
	{ .path = "/lxc.payload.web/init.scope",
	  .runtime = RUNTIME_LXC,
	  .unit = "init.scope",
	  .machine = "web" },
	{ .path = "/lxc/web", .runtime = RUNTIME_LXC, .machine = "web" },
	{ .path = "/lxc.monitor.web" },
	{ .path = "/lxc.payload.web/docker/" ID, .container = ID, .runtime = RUNTIME_DOCKER },
	{ .path = "/docker/" OTHER "/lxc.payload.web", .runtime = RUNTIME_LXC, .machine = "web" },
	/* units */
	{ .path = "/init.scope", .unit = "init.scope" },
	{ .path = "/system.slice/nginx.service", .unit = "nginx.service" },
	{ .path = "/system.slice/system-getty.slice/getty@tty1.service",
	  .unit = "getty@tty1.service" },
	{ .path = "/system.slice/postgresql@15-main.service",
	  .unit = "postgresql@15-main.service" },
	{ .path = "/user.slice/user-1000.slice/session-2.scope", .unit = "session-2.scope" },
	{ .path = USER "/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope",
	  .unit = "vte-spawn-1.scope" },
	{ .path = USER "/app.slice/syncthing.service", .unit = "syncthing.service" },
	{ .path = "/system.slice/foo.service/supervisor", .unit = "foo.service" },
	{ .path = "/system.slice/run-user-1000.mount", .unit = "run-user-1000.mount" },
	{ .path = "/system.slice/_cgroup.service", .unit = "cgroup.service" },
	{ .path = "/system.slice/__x.service", .unit = "_x.service" },
	{ .path = "/system.slice/dev-disk\\x2dsda.swap", .unit = "dev-disk\\x2dsda.swap" },
	/* none */
	{ .path = "" },
	{ .path = "/" },
	{ .path = "//" },
	{ .path = "/user.slice/user-1000.slice" },
	{ .path = "/system.slice/.service" },
	{ .path = "/system.slice/a b.service" },
	{ .path = "/system.slice/a\033[31m.service" },
	{ .path = "/system.slice/@.service" },
	{ .path = "/kubepods.slice/" SLICE, .pod_uid = UID },
	{ .path = "/pod" UID "/x" },
	{ .path = "/kubepods/podman-1234/x" },
	{ .path = "/kubepods/pod1234" },
	{ .path = "/kubepods/pod" UID "0" },
	{ .path = "/kubepods.slice/kubepods-pod-zz.slice" },
	/* a run of other than 64 */
	{ .path = ID, .container = ID },
	{ .path = "/docker/" ID "0" },
	{ .path = "/docker/0" ID },
	{ .path = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" },
	{ .path = "/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF" },
	{ .path = "/docker/" ID OTHER },
	{ .path = "/docker/" ID OTHER "/" ID ".scope", .container = ID },
	{ .path = "/docker/" ID "/" ID OTHER, .container = ID, .runtime = RUNTIME_DOCKER },
};

static const char *text(const char *s)
{
	return s ? s : "";
}

static void what_a_path_says(void **state)
{
	struct cgroup_path p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		memset(&p, 'x', sizeof(p));
		cgroup_path__read(paths[i].path, &p);
		if (strcmp(p.container, text(paths[i].container)) ||
		    p.runtime != paths[i].runtime || strcmp(p.pod_uid, text(paths[i].pod_uid)) ||
		    strcmp(p.unit, text(paths[i].unit)) ||
		    strcmp(p.machine, text(paths[i].machine)))
			fail_msg(
				"'%s': container '%s', runtime %d, pod '%s', unit '%s', machine '%s'",
				paths[i].path, p.container, p.runtime, p.pod_uid, p.unit,
				p.machine);
	}
}

/* The bounds, with a name as long as a file's can be. */
static void long_names(void **state)
{
	char path[600] = "/system.slice/";
	struct cgroup_path p;

	(void)state;
	memset(path + strlen(path), 'a', UNIT_MAX - strlen(".service"));
	strcat(path, ".service");
	cgroup_path__read(path, &p);
	assert_int_equal(strlen(p.unit), UNIT_MAX);
	strcpy(path, "/system.slice/");
	memset(path + strlen(path), 0, sizeof(path) - strlen(path));
	memset(path + strlen(path), 'a', UNIT_MAX);
	strcat(path, ".service");
	cgroup_path__read(path, &p);
	assert_string_equal(p.unit, "");
	memset(path, 0, sizeof(path));
	strcpy(path, "/lxc.payload.");
	memset(path + strlen(path), 'm', MACHINE_MAX + 1);
	cgroup_path__read(path, &p);
	assert_string_equal(p.machine, "");
	assert_int_equal(p.runtime, RUNTIME_UNKNOWN);
	path[strlen(path) - 1] = '\0';
	cgroup_path__read(path, &p);
	assert_int_equal(strlen(p.machine), MACHINE_MAX);
}

static void units_of_a_path(void **state)
{
	static const char path[] = "/system.slice/_cgroup.service/web.service.d/nginx.service";

	(void)state;
	assert_true(cgroup_path__has_unit(path, "nginx.service"));
	assert_true(cgroup_path__has_unit(path, "nginx"));
	assert_true(cgroup_path__has_unit(path, "cgroup"));
	assert_true(cgroup_path__has_unit(path, "system.slice"));
	assert_false(cgroup_path__has_unit(path, "ngin"));
	assert_false(cgroup_path__has_unit(path, "web.service"));
	assert_false(cgroup_path__has_unit(path, "web"));
	assert_false(cgroup_path__has_unit("", "nginx"));
	assert_true(cgroup_path__has_unit("nginx.service", "nginx"));
}

static void containers_of_a_path(void **state)
{
	(void)state;
	assert_true(cgroup_path__has_container("/docker/" OTHER "/docker/" ID, ID));
	assert_true(cgroup_path__has_container("/docker/" OTHER "/docker/" ID, "fedcba987654"));
	assert_true(cgroup_path__has_container("docker-" ID ".scope", "0123456789ab"));
	assert_false(cgroup_path__has_container("/docker/" ID, "123456789abc"));
	assert_false(cgroup_path__has_container("/docker/0123456789ab", "0123456789ab"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_path_says),
		cmocka_unit_test(long_names),
		cmocka_unit_test(units_of_a_path),
		cmocka_unit_test(containers_of_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
