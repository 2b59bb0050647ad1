# SPDX-License-Identifier: GPL-2.0-or-later
# socklife. `make deps all` once, then `make check check-root` as root. V=1 shows the commands.

VERSION := 0.1.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/socklife
UNITDIR ?= $(PREFIX)/lib/systemd/system
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= clang
BPFTOOL ?= $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool || echo bpftool)
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck
CFLAGS ?= -O2 -g

B := build
ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64.*/powerpc/; \
	s/riscv64/riscv/; s/s390x/s390/; s/^arm.*/arm/')

# Flags. What the user gives in CFLAGS and LDFLAGS comes last. The prefix map: the same bytes wherever it is built.
PREFIX_MAP := "-fdebug-prefix-map=$(CURDIR)=."
WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	$(if $(filter-out 0,$(WERROR)),-Werror)
C_FLAGS = -std=gnu11 -D_GNU_SOURCE -DSOCKLIFE_VERSION='"$(VERSION)"' $(WARNINGS) \
	-Iinclude -Isrc -I$(B)/bpf -pthread $(PREFIX_MAP) $(PKG_CFLAGS) $(CFLAGS)
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# <asm/types.h> is in the multiarch directory, where `clang -target bpf` does not look.
BPF_FLAGS = -target bpf -mcpu=v3 -O2 -g $(PREFIX_MAP) -std=gnu11 -D__TARGET_ARCH_$(ARCH) \
	-Wall -Wextra -Wno-unused-parameter $(if $(filter-out 0,$(WERROR)),-Werror) \
	-Ivmlinux -Iinclude -Ibpf $(BPF_MULTIARCH)

# Asked when first used, once: `make deps` must run where nothing is installed.
LIBRARIES := libbpf libelf zlib libcrypto json-c ncursesw libseccomp libmicrohttpd
LIBS = $(eval LIBS := $$(shell pkg-config --libs $(LIBRARIES)))$(LIBS)
# libmicrohttpd's own list has GnuTLS: src/static/no_tls.c.
STATIC_LIBS = $(eval STATIC_LIBS := $(if $(filter libmicrohttpd,$(LIBRARIES)),-lmicrohttpd) \
	$$(shell pkg-config --static --libs $(filter-out libmicrohttpd,$(LIBRARIES))))$(STATIC_LIBS)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(LIBRARIES)))$(PKG_CFLAGS)
BPF_MULTIARCH = $(eval BPF_MULTIARCH := \
	$$(addprefix -idirafter ,$$(wildcard /usr/include/$$(shell uname -m)-linux-gnu*)))$(BPF_MULTIARCH)

SRCS := $(sort $(wildcard src/*.c src/detect/*.c src/sink/*.c src/top/*.c))
BPF_SRCS := $(sort $(wildcard bpf/*.bpf.c))
STATIC_SRCS := $(sort $(wildcard src/static/*.c))
SKELETON := $(B)/bpf/socklife.skel.h
UNIT_SRCS := $(sort $(wildcard tests/unit/*.c))
UNIT_TESTS := $(filter tests/unit/test_%,$(UNIT_SRCS:.c=))
UNIT_COMMON := $(filter-out tests/unit/test_%,$(UNIT_SRCS:.c=))
TRIGGERS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/triggers/*.c)))
FUZZERS := $(patsubst %.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCHES := $(patsubst %.c,$(B)/%,$(sort $(filter-out %.bpf.c,$(wildcard tests/bench/*.c))))
MANPAGES := $(wildcard man/*.[1-8])
FORMATTED := $(wildcard bpf/*.[ch] src/*.[ch] src/*/*.[ch] tests/*/*.[ch])

Q := $(if $(filter-out 0,$(V)),,@)
say = $(if $(filter-out 0,$(V)),,@printf '  %-8s %s\n' $(1) $(2);)

.PHONY: all static deb deps check check-root check-vm check-deb check-build check-root-build check-asan check-asan-build check-asan-live asan \
	fuzz fuzz-build fuzz-coverage install uninstall clean format lint lint-format lint-wire lint-stack lint-tidy \
	lint-cppcheck bench FORCE
.SECONDARY:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

all: socklife

# --- eBPF ---------------------------------------------------------------------------------------

# Twice: with bpf_rdonly_cast(), and for kernels that have none (bpf/compat.bpf.h). One unit each: bpftool 7.1 cannot link a
# kfunc that more than one object calls. It strips here.
BPF_OBJECTS := $(B)/bpf/socklife.o $(B)/bpf/socklife_plain.o
$(B)/bpf/socklife_plain.o: private BPF_FLAGS += -DNO_CASTS
$(BPF_OBJECTS): $(BPF_SRCS) $(B)/flags
	$(call say,BPF,"$(words $(BPF_SRCS)) files: $@")
	$(Q)mkdir -p $(@D)
	$(Q)printf '#include "%s"\n' $(notdir $(BPF_SRCS)) > $(@:.o=.c)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $(@:.o=.c) \
		-o $(@:.o=.unit.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.o=.unit.o)

# One of the two descriptions is used for both objects (src/tracer_load.c): they must be the same.
$(SKELETON): $(BPF_OBJECTS)
	$(call say,SKEL,$@)
	$(Q)for object in $^; do \
		$(BPFTOOL) gen skeleton $$object name socklife_bpf | sed '/elf_bytes(size_t \*sz)$$/,$$d' > $$object.described; done
	$(Q)cmp $(^:%=%.described)
	$(Q)echo '/* NOLINTBEGIN: the analyzer walks into what bpftool writes */' > $@
	$(Q)$(BPFTOOL) gen skeleton $(B)/bpf/socklife.o name socklife_bpf >> $@
	$(Q)$(BPFTOOL) gen skeleton $(B)/bpf/socklife_plain.o name socklife_plain_bpf >> $@
	$(Q)echo '/* NOLINTEND */' >> $@

# --- C: once as it is, once with the sanitizers -------------------------------------------------

# Rewritten only when the flags are other ones, so that a change of compiler rebuilds everything.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@printf '%s\n' $(call quote,$(CC) $(C_FLAGS) $(LDFLAGS) $(CLANG) $(BPF_FLAGS)) > $@.new
	@if cmp -s $@ $@.new; then rm $@.new; else mv $@.new $@; fi
quote = '$(subst ','\'',$(1))'

# $(1): directory of the objects, $(2): the binary, $(3): more flags, $(4): suffix of what is said
define c_rules
$(1)/%.o: %.c $(B)/flags | $(SKELETON)
	$$(call say,CC$(4),$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(C_FLAGS) $(3) -MMD -MP -c $$< -o $$@

$(2): $(SRCS:%.c=$(1)/%.o)
	$$(call say,LD$(4),$$@)
	$$(Q)$$(CC) $$(C_FLAGS) $(3) -o $$@ $$^ $$(LDFLAGS) $$(LIBS)

$(UNIT_TESTS:%=$(1)/%): %: %.o $(UNIT_COMMON:%=$(1)/%.o) \
		$(filter-out $(1)/src/main.o,$(SRCS:%.c=$(1)/%.o))
	$$(call say,LD$(4),$$@)
	$$(Q)$$(CC) $$(C_FLAGS) $(3) -o $$@ $$^ $$(LDFLAGS) $$(LIBS) -lcmocka
endef
$(eval $(call c_rules,$(B),socklife))
$(eval $(call c_rules,$(B)/asan,$(B)/asan/socklife,$(SANITIZE),-asan))

# For hosts that have no library of ours. The linker would warn of what src/static/ sees to.
$(B)/static/socklife: $(SRCS:%.c=$(B)/%.o) $(STATIC_SRCS:%.c=$(B)/%.o)
	$(call say,LD-static,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) -static-pie -s -Wl,--no-warnings -o $@ $^ $(LDFLAGS) $(STATIC_LIBS)
static: $(B)/static/socklife

# The same for libFuzzer, which only clang has, with small bounds (src/report.h).
FUZZ_FLAGS = $(C_FLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
$(B)/fuzz/%.o: %.c $(B)/flags | $(SKELETON)
	$(call say,CC-fuzz,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@

$(FUZZERS): %: %.o $(B)/fuzz/tests/fuzz/fuzz.o $(filter-out $(B)/fuzz/src/main.o,$(SRCS:%.c=$(B)/fuzz/%.o))
	$(call say,LD-fuzz,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LDFLAGS) $(LIBS)

# The page that it has inside (.incbin, which no dependency file tells of).
$(B)/src/report_html.o $(B)/asan/src/report_html.o $(B)/fuzz/src/report_html.o: $(wildcard src/html/*)

# Programs of one file: they link nothing of socklife.
$(TRIGGERS) $(BENCHES): $(B)/%: %.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -pthread $(CFLAGS) -MMD -MP -MF $@.d \
		-o $@ $< $(LDFLAGS)

$(B)/tests/bench/hooks: LDFLAGS += -lbpf

$(B)/tests/bench/%.bpf.o: tests/bench/%.bpf.c $(B)/flags
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MF $@.d -c $< -o $@

-include $(shell find $(B) -path $(B)/deb -prune -o -name '*.d' -print 2>/dev/null)

# --- tests --------------------------------------------------------------------------------------

asan: $(B)/asan/socklife

check-build: socklife $(UNIT_TESTS:%=$(B)/%)
check-root-build: socklife $(TRIGGERS)
check-asan-build: asan $(UNIT_TESTS:%=$(B)/asan/%)

# `make check check-root` is one run with one sum in its last line.
ifeq ($(filter check,$(MAKECMDGOALS))$(filter check-root,$(MAKECMDGOALS)),checkcheck-root)
check: check-build
check-root: check-build check-root-build | check
	$(Q)V=$(V) tests/run unit golden docs live
else
check: check-build
	$(Q)V=$(V) tests/run unit golden docs
check-root: check-root-build
	$(Q)V=$(V) tests/run live
endif

# In guests of other kernels; VM_TESTS=ci: a selection.
check-vm: check-root-build
	$(Q)V=$(V) tests/run vm

# The Debian package and the static binary, in a fresh root and in an empty one; and built twice. As root.
check-deb: all static deb
	$(Q)V=$(V) tests/run deb

check-asan: check-asan-build
	$(Q)V=$(V) tests/run asan-unit asan-golden
# As root. What it runs is in tests/run.
check-asan-live: asan $(TRIGGERS)
	$(Q)V=$(V) tests/run asan-live

# Seconds for each target: make fuzz FUZZ_SECONDS=300
FUZZ_SECONDS ?= 60
fuzz-build: $(FUZZERS)
fuzz: fuzz-build
	$(Q)V=$(V) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

fuzz-coverage:
	$(Q)$(MAKE) B=$(B)/coverage SANITIZE='-O1 -fprofile-instr-generate -fcoverage-mapping' fuzz-build
	$(Q)tests/fuzz/coverage $(B)/coverage/fuzz

bench: socklife $(BENCHES) $(B)/tests/bench/hooks.bpf.o
	$(Q)tests/bench/overhead
	$(Q)tests/bench/limits

# --- style --------------------------------------------------------------------------------------

# include/ is laid out by hand: its tables are the documentation of the wire format.
format:
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)

lint: lint-format lint-wire lint-stack lint-tidy lint-cppcheck

lint-format:
	$(call say,FORMAT,"$(words $(FORMATTED)) files")
	$(Q)$(CLANG_FORMAT) --dry-run -Werror --ferror-limit=3 $(FORMATTED)

# What crosses between kernel and userspace has no hidden padding.
lint-wire:
	$(Q)for header in include/*.h; do \
		$(CC) -std=gnu11 -Iinclude -Wpadded -Werror -fsyntax-only -x c $$header || exit; done

# Frames as Linux 6.1 adds them up; newer kernels take more. And before 6.3 what a global function gets must have been
# written.
lint-stack: $(BPF_OBJECTS)
	$(Q)tests/stack $^
	$(Q)awk '/^struct .*\{$$/ { type = 1 } /^}/ { type = 0 } \
		!type && /^\tstruct ev_[a-z_]+ [a-z_]+;/ { print FILENAME ":" FNR ": not initialised"; bad = 1 } \
		END { exit bad }' bpf/*.[ch]

TIDY_CHECKS := clang-analyzer-*,bugprone-*,misc-redundant-expression,misc-unused-parameters,\
	readability-misleading-indentation,readability-redundant-control-flow,\
	-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,\
	-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,\
	-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,\
	-bugprone-assignment-in-if-condition,-bugprone-suspicious-string-compare
empty :=
# Nodes that the analyzer looks at in one function; 225000 is its own bound, a quarter of them takes a third of the time.
TIDY_NODES ?= 225000
lint-tidy: $(SKELETON)
	$(call say,TIDY,"$(words $(SRCS) $(STATIC_SRCS)) files")
	$(Q)printf '%s\n' $(SRCS) $(STATIC_SRCS) | xargs -P $$(nproc) -I{} $(CLANG_TIDY) {} --quiet \
		--header-filter='^(src|include)/' --warnings-as-errors='*' \
		--checks='-*,$(subst $(empty) $(empty),,$(TIDY_CHECKS))' \
		-- $(filter-out -Werror,$(C_FLAGS)) -Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) 2>$(B)/tidy.log || \
		{ grep -v 'warnings generated' $(B)/tidy.log; exit 1; }

lint-cppcheck:
	$(call say,CPPCHECK,"$(words $(SRCS) $(STATIC_SRCS)) files")
	$(Q)$(CPPCHECK) --quiet --error-exitcode=1 --enable=warning,portability,performance \
		--inline-suppr --suppress=missingIncludeSystem --suppress=unknownMacro --std=c11 \
		-D_GNU_SOURCE -DSOCKLIFE_VERSION='"$(VERSION)"' -Iinclude -Isrc $(SRCS) $(STATIC_SRCS)

# --- installing ---------------------------------------------------------------------------------

# What is installed beside the binary and the unit, as FILE:DIRECTORY. bash looks for a completion under the command.
EXAMPLES := $(filter-out contrib/socklife.service contrib/debian/% contrib/completion/%, \
	$(shell find contrib -type f 2>/dev/null | sort))
INSTALLED := $(foreach page,$(MANPAGES),$(page):$(MANDIR)/man$(subst .,,$(suffix $(page)))) \
	$(addsuffix :$(BASHDIR),$(wildcard contrib/completion/socklife.bash)) \
	$(addsuffix :$(ZSHDIR),$(wildcard contrib/completion/_socklife)) \
	README.md:$(DOCDIR) \
	$(foreach file,$(sort $(shell find docs -type f -name '*.*' 2>/dev/null)),$(file):$(DOCDIR)/$(dir $(file))) \
	$(foreach file,$(EXAMPLES),$(file):$(DOCDIR)/examples/$(patsubst contrib/%,%,$(dir $(file))))

install: all
	$(Q)install -D -m 755 socklife $(DESTDIR)$(BINDIR)/socklife
	$(Q)install -d -m 755 $(DESTDIR)$(UNITDIR)
	$(Q)sed 's|/usr/local/bin/|$(BINDIR)/|' contrib/socklife.service > $(DESTDIR)$(UNITDIR)/socklife.service
	$(Q)chmod 644 $(DESTDIR)$(UNITDIR)/socklife.service
	$(Q)for pair in $(INSTALLED); do file=$${pair%%:*}; \
		install -D -m 644 $$file "$(DESTDIR)$${pair#*:}/$$(basename $$file .bash)" || exit; done

uninstall:
	$(Q)rm -f $(DESTDIR)$(BINDIR)/socklife $(DESTDIR)$(UNITDIR)/socklife.service
	$(Q)for pair in $(INSTALLED); do file=$${pair%%:*}; \
		rm -f "$(DESTDIR)$${pair#*:}/$$(basename $$file .bash)" || exit; done
	$(Q)[ ! -d $(DESTDIR)$(DOCDIR) ] || find $(DESTDIR)$(DOCDIR) -depth -type d -empty -delete

# --- Debian package -----------------------------------------------------------------------------

# As any user. The time in it is the last commit's, so that the same sources give the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)
DEB_TREE := $(B)/deb/socklife-$(VERSION)
deb: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
deb:
	$(call say,DEB,$(B)/deb)
	$(Q)rm -rf $(B)/deb && mkdir -p $(DEB_TREE)
	$(Q)cp -R Makefile README.md LICENSE bpf contrib docs include $(wildcard man) src tests vmlinux $(DEB_TREE)
	$(Q)mv $(DEB_TREE)/contrib/debian $(DEB_TREE)/debian
	$(Q)sed "s/@VERSION@/$(VERSION)/; s/@DATE@/$$(LC_ALL=C date -uRd @$$SOURCE_DATE_EPOCH)/" \
		$(DEB_TREE)/debian/changelog.in > $(DEB_TREE)/debian/changelog
	$(Q)rm $(DEB_TREE)/debian/changelog.in
	$(Q)chmod -R u=rwX,go=rX $(DEB_TREE) && find $(DEB_TREE) -exec touch -hd @$$SOURCE_DATE_EPOCH {} +
	$(Q)cd $(DEB_TREE) && env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u CFLAGS -u LDFLAGS \
		DEB_BUILD_OPTIONS="nocheck parallel=$$(nproc)" dpkg-buildpackage -b -us -uc >../log 2>&1 || \
		{ tail -n 40 ../log >&2; exit 1; }

clean:
	$(Q)rm -rf $(B) socklife

# To build; to check the sources; programs that the tests trace, and what they compare with.
PACKAGES := gcc make clang llvm libc6-dev linux-libc-dev libbpf-dev bpftool libelf-dev zlib1g-dev libssl-dev libjson-c-dev libncurses-dev libseccomp-dev libmicrohttpd-dev pkg-config \
	libcmocka-dev clang-format clang-tidy cppcheck libclang-rt-14-dev \
	debhelper lintian debootstrap libcap2-bin python3-yaml \
	nginx-light curl redis-server redis-tools postgresql wrk iperf3 strace iproute2 lsof nftables \
	netbase jq sqlite3 python3 python3-jsonschema python3-fastjsonschema libbpf-tools bpftrace procps \
	util-linux tmux chromium systemd mandoc zsh prometheus \
	qemu-system-x86 busybox-static cpio xz-utils e2fsprogs

# Their daemons must not start, now or at the next boot: RUNLEVEL=1 tells invoke-rc.d, masking tells
# systemd. A daemon that was already there is left alone.
deps:
	$(Q)have=" $$(dpkg-query -W -f '$${db:Status-Status}:$${Package} ' $(PACKAGES) 2>/dev/null) "; \
	missing=; for p in $(PACKAGES); do \
		case $$have in *" installed:$$p "*) ;; *) missing="$$missing $$p";; esac; done; \
	[ -n "$$missing" ] || exit 0; \
	[ "$$(id -u)" = 0 ] || { echo "make deps: must be root to install:$$missing" >&2; exit 1; }; \
	units=; [ ! -d /run/systemd/system ] || for u in nginx redis-server postgresql iperf3 prometheus; do \
		case $$missing in *$$u*) units="$$units $$u";; esac; done; \
	[ -z "$$units" ] || systemctl --quiet --runtime mask $$units; \
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	echo "installing:$$missing"; \
	apt-get update -qq </dev/null && \
	apt-get install -y -qq --no-install-recommends $$missing </dev/null >/dev/null; status=$$?; \
	[ -z "$$units" ] || { systemctl --quiet --runtime unmask $$units; \
		systemctl --quiet disable $$units 2>/dev/null; }; \
	exit $$status
