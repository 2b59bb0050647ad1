// SPDX-License-Identifier: GPL-2.0-or-later
/* child.c - starts the command behind a pipe, lets it go, and turns how it ended into an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "child.h"

static int become(const struct passwd *pw)
{
	if (initgroups(pw->pw_name, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid))
		return -errno;
	setenv("HOME", pw->pw_dir, 1);
	setenv("USER", pw->pw_name, 1);
	setenv("LOGNAME", pw->pw_name, 1);
	return 0;
}

/* Only returns when it failed. */
static int run(char *const argv[], const struct passwd *pw)
{
	sigset_t none;
	int err;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL))
		return -errno;
	signal(SIGPIPE, SIG_DFL);
	err = pw ? become(pw) : 0;
	if (err)
		return err;
	execvp(argv[0], argv);
	return -errno;
}

pid_t child__start(char *const argv[], const char *user)
{
	const struct passwd *pw = NULL;
	int report[2], err = 0;
	pid_t pid;

	errno = 0;
	if (user && !(pw = getpwnam(user)))
		return errno ? -errno : -EINVAL;
	if (pipe2(report, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		err = -errno;
	} else if (!pid) {
		err = run(argv, pw);
		if (write(report[1], &err, sizeof(err)) != sizeof(err))
			_exit(126);
		_exit(127);
	}
	close(report[1]);
	/* exec() closes the pipe; what failed before it writes its errno */
	if (pid > 0 && read(report[0], &err, sizeof(err)) == sizeof(err))
		waitpid(pid, NULL, 0);
	close(report[0]);
	return err ? err : pid;
}

int child__exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
