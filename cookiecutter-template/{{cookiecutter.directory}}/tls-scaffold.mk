# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: edits belong in the Makefile.

# cfssl where both its programs are, else tls-scaffold; SIGNER=… or CFSSL=… JSON=… choose.
tls_both := $(shell command -v cfssl >/dev/null && command -v cfssljson)
SIGNER ?= $(if $(CFSSL)$(tls_both),cfssl,tls-scaffold)
RENEW_DAYS ?= 30
# Make keeps the blanks before a comment that follows a value.
$(foreach each,SIGNER RENEW_DAYS YES,$(eval $(each) := $$(strip $$($(each)))))
CFSSL ?= $(if $(filter cfssl,$(SIGNER)),cfssl,tls-scaffold cfssl)
JSON ?= $(if $(filter cfssl,$(SIGNER)),cfssljson,tls-scaffold cfssljson)
CFSSL_VERSION ?= 1.6.5
# By other names: make runs a recipe that names $(MAKE) even with -n, and exports neither.
MAKE_PROGRAM := $(MAKE)
OVERRIDES = $(MAKEOVERRIDES)
override tls_hook := $(if $(filter command,$(firstword $(origin RENEW_HOOK))),$(value RENEW_HOOK))
export SIGNER CFSSL JSON RENEW_DAYS MAKE_PROGRAM OVERRIDES YES tls_goals tls_hook
# Of a team's own `export` of all: what is asked for anew at each use, and what grows with them.
unexport sign tls_idle tls_look tls_certificate tls_read tls_lines tls_requests \
  tls_certificates tls_named tls_busy tls_wanted tls_anew tls_wait
tls_flags := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
$(if $(findstring t,$(tls_flags)),$(error make -t signs nothing))
tls_goals := $(or $(MAKECMDGOALS),all)
# The components are the lines `req-NAME CERTIFICATE: …` of the Makefile, wherever they stand.
# Of two that share a target make would follow one, and sign it from the request of the other.
tls_read := $(shell sh sign.sh components | awk '{ line = "req-" $$1 ":" $$2 ".pem"; print line; \
  for (at = 1; at < 3; at++) { if (!first[at, $$at]) first[at, $$at] = line; \
    if (!(first[at, $$at] == line)) print "=`" first[at, $$at] "`=and=`" line "`" } }')
tls_twice := $(if $(findstring n,$(tls_flags)),,$(firstword $(filter =%,$(tls_read))))
tls_lines := $(filter-out =%,$(tls_read))
$(if $(and $(tls_twice),$(filter-out clean help status check,$(tls_goals))),\
  $(error component lines share a target:$(subst =, ,$(subst :, ,$(tls_twice)))))
tls_requests := $(foreach each,$(tls_lines),$(firstword $(subst :, ,$(each))))
tls_certificates := $(foreach each,$(tls_lines),$(lastword $(subst :, ,$(each))))
# What is to be signed is told by what files hold, not by their times: sign.sh compares sums,
# tls-scaffold looks at the certificates, and signs all in one process.
tls_rotate := $(addprefix rotate-,start status trust finish abort)
tls_named := ca csr renew renew-ca regenerate encrypt-ca-key clean rbac rbac-enable prove status \
  check cfssl help $(tls_rotate) $(tls_requests)
tls_again := $(filter req .tls-set,$(tls_goals))$(findstring B,$(tls_flags))
tls_busy := $(filter-out $(tls_named) $(tls_certificates),$(tls_goals))
tls_idle = $(if $(filter all,$(tls_goals)),$(info nothing to sign: all is as asked for))
tls_days = '$(subst ','\'',$(RENEW_DAYS))'
tls_look = $(or $(shell RENEW_DAYS=$(tls_days) sh sign.sh changed || echo failed),$(tls_idle))
$(if $(filter cfssl tls-scaffold,$(SIGNER)),,$(error SIGNER is neither cfssl nor tls-scaffold))
tls_wanted := $(if $(filter tls-scaffold,$(SIGNER)),$(if $(tls_busy),.tls-sign), \
  $(if $(tls_again),$(tls_requests),$(if $(tls_busy),$(tls_look))))
$(if $(filter failed,$(tls_wanted)),$(error sign.sh can't tell what to sign))
export TLS_SCAFFOLD_SIGNS := $(firstword $(tls_wanted))
tls_certificate = $(or $(patsubst $@:%,%,$(firstword $(filter $@:%,$(tls_lines)))),$@)
# Of a new set make signs alone: what a team runs behind that waits until the set is in place.
ifdef TLS_SCAFFOLD_INTO
tls_shell := $(SHELL)
tls_opts := $(.SHELLFLAGS)
# Where one shell runs a whole recipe it has to be one word; make 3.81 has no flags for it.
override SHELL = $(if $(filter $@,$(tls_requests)),sh$(if $(tls_opts),, sign.sh only),$(tls_shell))
override .SHELLFLAGS = $(if $(filter $@,$(tls_requests)),sign.sh only -c,$(tls_opts))
endif
tls_anew := $(tls_goals) $(if $(tls_again),$(tls_requests))
sign = @sh sign.sh $(if $(filter $@,$(tls_anew)),again,changed) $(tls_certificate)
.PHONY: all req .tls-set .tls-sign .tls-always $(tls_named)
.DEFAULT_GOAL := all
.PRECIOUS: $(tls_certificates)
.SUFFIXES:
req .tls-set: $(tls_wanted)
$(tls_certificates) $(tls_requests): | ca
$(tls_certificates): .tls-always
# What needs a certificate alone, as a rule of the team's, waits for the one target that signs it.
tls_wait := $(filter $(addsuffix :%,$(tls_wanted)),$(tls_lines))
$(foreach each,$(filter-out $(addprefix %:,$(tls_goals)),$(tls_wait)),\
  $(eval $(lastword $(subst :, ,$(each))): | $(firstword $(subst :, ,$(each)))))
.tls-sign:
	@sh sign.sh need tls-scaffold && exec tls-scaffold sign --own-lines \
	  $(if $(tls_again),--force) $(addprefix --into ,$(TLS_SCAFFOLD_INTO))
all: ## sign what is missing, or is not as asked for
req: ## sign all again
ca: ## make the CA if there is none
# Members that look into a list refuse all without it. None is made where the CA's key is not.
all: $(if $(shell [ -f tls-scaffold.json ] && grep '"crl": *true' tls-scaffold.json),certs/crl.der)
certs/crl.der: | ca
	@[ ! -e certs/ca-key.pem ] || { sh sign.sh need tls-scaffold && tls-scaffold revoke; }
csr: ## make keys and CSRs for a CA whose key is on another machine
renew: ## sign again what expires within RENEW_DAYS (30) days, then run RENEW_HOOK='COMMAND'
renew-ca: ## sign the CA again with the same key, long before it ends; nothing else changes
encrypt-ca-key: ## encrypt the CA's key with a password
regenerate: ## make a new CA and sign everything with it; the old set goes to archive/
rotate-start: ## another CA while the cluster runs; then rotate-trust, -finish, -status, -abort
clean: ## move certs/ and the record to archive/: a CA's key is never deleted
ca: $(filter .tls-sign,$(tls_wanted))
ca csr renew renew-ca regenerate encrypt-ca-key clean:
	@sh sign.sh $@ $(and $(filter renew,$@),$(tls_hook),--make $$PPID --hook "$$tls_hook")
rbac: ## bring etcd's users, roles and permissions in line
	@sh rbac.sh
rbac-enable: ## switch authentication on, once root's certificate works at every member
	@sh rbac.sh --enable $(if $(ONLY_GIVEN),--only-given)
prove: ## try every permission on a throw-away cluster (tls-scaffold)
status check: ## show what expires when; look for mistakes (tls-scaffold)
prove status check $(tls_rotate):
	@sh sign.sh need tls-scaffold && tls-scaffold $(subst -, ,$@)
cfssl: ## install cfssl and cfssljson with Go
	@sh sign.sh need go
	go install $(patsubst %,github.com/cloudflare/cfssl/cmd/%@v$(CFSSL_VERSION),cfssl cfssljson)
	@command -v cfssl >/dev/null && command -v cfssljson >/dev/null || \
	  { bin=$$(go env GOBIN) && echo "put $${bin:-$$(go env GOPATH)/bin} on the PATH" >&2; }
help: ## list the targets
	@awk -F ': ## ' 'NF == 2 && !/^\t/ { printf "%-14s  %s\n", $$1, $$2 }' tls-scaffold.mk
	@printf '%-14s  sign this one again\n' $(tls_requests) | tr -c '\11\12\40-\176' '?'
