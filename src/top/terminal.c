// SPDX-License-Identifier: GPL-2.0-or-later
/* terminal.c - ncurses, and giving the terminal back at any end, a crash included. */
#define NCURSES_WIDECHAR 1
#include "top/terminal.h"
#include "top/view.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* last: their macros have names such as `columns` */
#include <curses.h>
#include <term.h>

#define CRASH_STACK 65536

/* What a crash needs: made before, used by system calls only. */
static struct {
	struct termios before; /* as it was found */
	char leave[256];       /* what ends a full screen: attributes, cursor, screen */
	size_t leave_len;
	int errors; /* the real stderr, while it is kept; -1 */
	volatile sig_atomic_t taken;
} saved = { .errors = -1 };

static SCREEN *screen;
static bool colors;

/* --- crashes --- */

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS };
#define CRASHES (sizeof(crashes) / sizeof(crashes[0]))
static struct sigaction handlers_before[CRASHES];

/* Also where ncurses calls exit(), as it does when it has no memory (_nc_err_abort). */
static void put_back(void)
{
	if (!saved.taken)
		return;
	saved.taken = 0;
	/* with whoever has gone there is nobody to tell */
	if (write(STDOUT_FILENO, saved.leave, saved.leave_len) < 0)
		saved.leave_len = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &saved.before);
	if (saved.errors >= 0)
		dup2(saved.errors, STDERR_FILENO);
}

/* Then as if there had been no handler: the core, or the sanitizer's report, is as it would be. */
static void on_crash(int signal_number)
{
	size_t i;

	put_back();
	for (i = 0; i < CRASHES; i++)
		if (crashes[i] == signal_number)
			sigaction(signal_number, &handlers_before[i], NULL);
	raise(signal_number); /* comes when this returns; a true fault comes again by itself */
}

static void catch_crashes(void)
{
	static char stack[CRASH_STACK];
	const stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };
	size_t i;

	/* of this thread: the others' stacks do not overflow where nothing is recursive */
	sigaltstack(&other, NULL);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, &handlers_before[i]);
}

static void leave_crashes(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	size_t i;

	for (i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &handlers_before[i], NULL);
	sigaltstack(&none, NULL);
}

static int put_leave(int c)
{
	if (saved.leave_len < sizeof(saved.leave))
		saved.leave[saved.leave_len++] = (char)c;
	return c;
}

/* NULL: this terminal cannot. */
static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return text == (const char *)-1 ? NULL : text;
}

static void prepare_leave(void)
{
	const char *const names[] = { "sgr0", "op", "rmkx", "cnorm", "rmcup" };
	const char *clearing = capability("rmcup") ? NULL : capability("clear");
	size_t i;

	saved.leave_len = 0;
	if (clearing)
		tputs(clearing, 1, put_leave);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (capability(names[i]))
			tputs(capability(names[i]), 1, put_leave);
}

/* --- stderr --- */

/* A screen on stdout is spoilt only where both are the same terminal; else stderr goes where it went. */
static void keep_errors(void)
{
	struct stat out, err;
	int fd;

	if (fstat(STDOUT_FILENO, &out) || fstat(STDERR_FILENO, &err) ||
	    out.st_rdev != err.st_rdev || !isatty(STDERR_FILENO))
		return;
	fd = memfd_create("stderr", MFD_CLOEXEC);
	if (fd < 0)
		return;
	saved.errors = dup(STDERR_FILENO);
	if (saved.errors >= 0)
		dup2(fd, STDERR_FILENO);
	close(fd);
}

static void tell_errors(void)
{
	int kept = saved.errors, fd;
	char buf[4096];
	ssize_t n;

	if (kept < 0)
		return;
	saved.errors = -1;
	fd = dup(STDERR_FILENO);
	dup2(kept, STDERR_FILENO);
	close(kept);
	if (fd < 0)
		return;
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(STDERR_FILENO, buf, n) != n)
			break;
	close(fd);
}

/* --- styles --- */

struct look {
	attr_t mono;
	attr_t attrs; /* with colours */
	short fg8, fg256, bg;
};

/* Read on light and on dark: the background is the terminal's own, and no colour is near either end. */
static const struct look looks[STYLES] = {
	[STYLE_PLAIN] = { A_NORMAL, A_NORMAL, -1, -1, -1 },
	[STYLE_DIM] = { A_DIM, A_NORMAL, -1, 244, -1 },
	[STYLE_FAILED] = { A_DIM, A_NORMAL, COLOR_RED, 131, -1 },
	[STYLE_STRONG] = { A_BOLD, A_BOLD, -1, -1, -1 },
	[STYLE_TITLE] = { A_REVERSE, A_NORMAL, COLOR_BLACK, COLOR_BLACK, COLOR_GREEN },
	[STYLE_SORTED] = { A_REVERSE | A_BOLD, A_NORMAL, COLOR_BLACK, COLOR_BLACK, COLOR_CYAN },
	[STYLE_SELECTED] = { A_REVERSE, A_NORMAL, COLOR_BLACK, COLOR_BLACK, COLOR_CYAN },
	[STYLE_GOOD] = { A_NORMAL, A_NORMAL, COLOR_GREEN, 34, -1 },
	[STYLE_BUSY] = { A_NORMAL, A_NORMAL, COLOR_CYAN, 33, -1 },
	[STYLE_WARN] = { A_BOLD, A_BOLD, COLOR_YELLOW, 172, -1 },
	[STYLE_BAD] = { A_BOLD | A_UNDERLINE, A_BOLD, COLOR_RED, 160, -1 },
	[STYLE_LOUD] = { A_BOLD | A_REVERSE, A_BOLD, COLOR_WHITE, 231, COLOR_RED },
	[STYLE_UDP] = { A_NORMAL, A_NORMAL, COLOR_MAGENTA, 133, -1 },
	[STYLE_KEY] = { A_BOLD, A_BOLD, COLOR_CYAN, 37, -1 },
};

static void make_colors(void)
{
	const char *no_color = getenv("NO_COLOR");
	bool own;
	int i;

	colors = !(no_color && *no_color) && has_colors() && start_color() == OK && COLORS >= 8 &&
		 COLOR_PAIRS > STYLES;
	if (!colors)
		return;
	own = use_default_colors() == OK;
	for (i = 0; i < STYLES; i++) {
		short fg = COLORS >= 256 ? looks[i].fg256 : looks[i].fg8, bg = looks[i].bg;

		init_pair((short)(i + 1), fg < 0 && !own ? COLOR_WHITE : fg,
			  bg < 0 && !own ? COLOR_BLACK : bg);
	}
}

/* Grey is one of 256 colours; of 8 it is what the terminal makes of "dim". */
static attr_t attrs_of(enum top_style style)
{
	if (!colors)
		return looks[style].mono;
	if (COLORS < 256 && (style == STYLE_DIM || style == STYLE_FAILED))
		return A_DIM;
	return looks[style].attrs;
}

/* --- the terminal --- */

int terminal__check(char *why, size_t size)
{
	const char *term = getenv("TERM");
	bool in = isatty(STDIN_FILENO), out = isatty(STDOUT_FILENO);
	int error = 1;

	if (!in || !out) {
		snprintf(why, size, "%s is not a terminal",
			 !in && !out ? "neither stdin nor stdout" :
			 in          ? "stdout" :
				       "stdin");
		if (!in && !out)
			snprintf(why, size, "stdin and stdout are not a terminal");
		return -ENOTTY;
	}
	if (setupterm(NULL, STDOUT_FILENO, &error) != OK) {
		snprintf(why, size, "nothing is known of the terminal '%s' (TERM)",
			 term ? term : "");
		return -ENOTTY;
	}
	if (!capability("cup")) {
		snprintf(why, size, "the terminal '%s' (TERM) cannot move its cursor", term);
		error = 0;
	}
	del_curterm(cur_term);
	return error ? 0 : -ENOTTY;
}

bool terminal__is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static void set_modes(void)
{
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
}

int terminal__take(void)
{
	if (tcgetattr(STDIN_FILENO, &saved.before))
		return -errno;
	if (atexit(put_back))
		return -ENOMEM;
	setlocale(LC_CTYPE, "");
	set_escdelay(25);
	saved.taken = 1;
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		put_back();
		return -EIO;
	}
	prepare_leave();
	catch_crashes();
	keep_errors();
	set_modes();
	make_colors();
	return 0;
}

/* What has no second screen to go back from gets its only one back empty. */
static void leave(void)
{
	if (!capability("rmcup")) {
		erase();
		refresh();
	}
	endwin();
}

void terminal__give_back(void)
{
	if (!screen)
		return;
	leave();
	/* ncurses puts back what it found when it began; the same, but that it is certain */
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved.before);
	saved.taken = 0;
	leave_crashes();
	delscreen(screen);
	screen = NULL;
	tell_errors();
}

void terminal__suspend(void)
{
	leave();
	saved.taken = 0;
}

void terminal__resume(void)
{
	saved.taken = 1;
	reset_prog_mode();
	set_modes();
	clearok(curscr, TRUE);
	refresh();
}

void terminal__size(unsigned int *width, unsigned int *height)
{
	struct winsize size = { 0 };

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row &&
	    (size.ws_row != LINES || size.ws_col != COLS))
		resizeterm(size.ws_row, size.ws_col);
	*width = COLS > 0 ? COLS : 1;
	*height = LINES > 0 ? LINES : 1;
}

/* ncurses keeps what is on the screen, and sends only what is another cell than before. */
void terminal__paint(const struct top_grid *g, bool anew)
{
	unsigned int x, y;

	if (anew)
		clearok(curscr, TRUE);
	for (y = 0; y < g->height; y++) {
		for (x = 0; x < g->width; x++) {
			const struct top_cell *cell = &g->cells[(size_t)y * g->width + x];
			const wchar_t text[2] = { cell->c, 0 };
			cchar_t c;

			if (!cell->c) /* painted with the first half */
				continue;
			setcchar(&c, text, attrs_of(cell->style),
				 colors ? (short)(cell->style + 1) : 0, NULL);
			mvadd_wch((int)y, (int)x, &c);
		}
	}
	refresh();
}

bool terminal__key(uint32_t *key)
{
	static const struct {
		int curses;
		uint32_t key;
	} keys[] = {
		{ KEY_UP, KEY_TOP_UP },
		{ KEY_DOWN, KEY_TOP_DOWN },
		{ KEY_LEFT, KEY_TOP_LEFT },
		{ KEY_RIGHT, KEY_TOP_RIGHT },
		{ KEY_PPAGE, KEY_TOP_PAGE_UP },
		{ KEY_NPAGE, KEY_TOP_PAGE_DOWN },
		{ KEY_HOME, KEY_TOP_HOME },
		{ KEY_END, KEY_TOP_END },
		{ KEY_BACKSPACE, KEY_TOP_BACKSPACE },
		{ KEY_BTAB, KEY_TOP_BACK_TAB },
		{ KEY_ENTER, KEY_TOP_ENTER },
		{ KEY_F(1), KEY_TOP_HELP },
		{ KEY_F(10), KEY_TOP_QUIT },
	};
	wint_t c;
	int kind;
	size_t i;

	while ((kind = get_wch(&c)) != ERR) {
		if (kind == OK) {
			*key = c == '\n'              ? KEY_TOP_ENTER :
			       c == 0x7f || c == '\b' ? KEY_TOP_BACKSPACE :
							c;
			return true;
		}
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (keys[i].curses == (int)c) {
				*key = keys[i].key;
				return true;
			}
		}
	}
	return false;
}

/* Ctrl-S is undone by stopping it once more in another way: TCOON starts what TCOOFF has stopped. */
void terminal__release(void)
{
	tcflush(STDOUT_FILENO, TCOFLUSH);
	tcflow(STDOUT_FILENO, TCOOFF);
	tcflow(STDOUT_FILENO, TCOON);
}
