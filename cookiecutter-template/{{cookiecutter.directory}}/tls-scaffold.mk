# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: edits belong in the Makefile.

# cfssl where both its programs are, else tls-scaffold; SIGNER=… or CFSSL=… JSON=… choose.
both := $(shell command -v cfssl >/dev/null && command -v cfssljson)
SIGNER ?= $(if $(CFSSL)$(both),cfssl,tls-scaffold)
SIGNER := $(SIGNER)
CFSSL ?= $(if $(filter cfssl,$(SIGNER)),cfssl,tls-scaffold cfssl)
JSON ?= $(if $(filter cfssl,$(SIGNER)),cfssljson,tls-scaffold cfssljson)
CFSSL_VERSION ?= 1.6.5
RENEW_DAYS ?= 30
# By another name, since make runs a recipe that names $(MAKE) even with -n.
MAKE_PROGRAM := $(MAKE)
export SIGNER CFSSL JSON RENEW_DAYS MAKE_PROGRAM YES
flags := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
$(if $(findstring t,$(flags)),$(error make -t signs nothing))

# The components are the lines `req-NAME CERTIFICATE: …` of the Makefile, wherever they stand.
lines := $(shell sh sign.sh components | awk '{ print "req-" $$1 ":" $$2 ".pem" }')
requests := $(foreach each,$(lines),$(firstword $(subst :, ,$(each))))
certificates := $(foreach each,$(lines),$(lastword $(subst :, ,$(each))))

# What is to be signed is told by what files hold, not by their times: sign.sh compares sums,
# tls-scaffold looks at the certificates, and signs all in one process.
goals := $(or $(MAKECMDGOALS),all)
named := ca renew regenerate clean rbac rbac-enable prove status check cfssl help $(requests)
again := $(filter req set,$(goals))$(findstring B,$(flags))
busy := $(filter-out $(named) $(certificates),$(goals))
look = $(or $(shell sh sign.sh changed || echo failed),$(info nothing to sign: all is as asked for))
ifeq ($(SIGNER),cfssl)
wanted := $(if $(again),$(requests),$(if $(busy),$(look)))
else
wanted := $(if $(busy),sign)
endif
$(if $(filter failed,$(wanted)),$(error sign.sh can't tell what to sign))
$(if $(filter cfssl tls-scaffold,$(SIGNER)),,$(error SIGNER is neither cfssl nor tls-scaffold))
certificate = $(or $(patsubst $@:%,%,$(filter $@:%,$(lines))),$@)
sign = @sh sign.sh $(if $(again)$(filter $@,$(goals)),again,changed) $(certificate)
own = tls-scaffold sign --own-lines $(if $(again),--force) $(addprefix --into ,$(TLS_SCAFFOLD_INTO))
.PHONY: all req set sign always $(named)
.DEFAULT_GOAL := all
.PRECIOUS: $(certificates)
.SUFFIXES:
req set: $(wanted)
$(certificates) $(requests): | ca
$(certificates): always
sign:
	@sh sign.sh need tls-scaffold && exec $(own)
ca: ## make the CA if there is none
renew: ## sign again what expires within RENEW_DAYS (30) days
regenerate: ## make a new CA and sign everything with it; the old set goes to archive/
clean: ## move certs/ and the record to archive/: a CA's key is never deleted
ca: $(filter sign,$(wanted))
ca renew regenerate clean:
	@sh sign.sh $@
rbac: ## bring etcd's users, roles and permissions in line
	@sh rbac.sh
rbac-enable: ## switch authentication on, once root's certificate works at every member
	@sh rbac.sh --enable $(if $(ONLY_GIVEN),--only-given)
prove: ## try every permission on a throw-away cluster (tls-scaffold)
status check: ## show what expires when; look for mistakes (tls-scaffold)
prove status check:
	@sh sign.sh need tls-scaffold && tls-scaffold $@
cfssl: ## install cfssl and cfssljson with Go
	@sh sign.sh need go
	go install github.com/cloudflare/cfssl/cmd/cfssl@v$(CFSSL_VERSION)
	go install github.com/cloudflare/cfssl/cmd/cfssljson@v$(CFSSL_VERSION)
	@command -v cfssl >/dev/null && command -v cfssljson >/dev/null || \
	  { bin=$$(go env GOBIN) && echo "put $${bin:-$$(go env GOPATH)/bin} on the PATH" >&2; }
help: ## list the targets
	@sed -n 's/^\([a-z -]*\): ## /\1	/p' tls-scaffold.mk
	@printf '%s\tsign this one again\n' req $(requests)
