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

# MAKEFLAGS has its short flags in its first word, or behind long ones (make 3.81).
space := $() $()
flags := $(firstword $(subst |--|, ,$(subst $(space),|,-$(MAKEFLAGS))))
flags := $(filter-out --% -I% -W% -j% -l% -o% -O%,$(filter -%,$(subst |, ,$(flags))))
$(if $(findstring t,$(flags)),$(error make -t would make empty certificates))

# The components are the lines `req-NAME CERTIFICATE: …` of the Makefile, wherever they stand.
file := $(firstword $(MAKEFILE_LIST))
lines := $(shell sed -n 's/^\(req-[^ :]*\)  *\([^ :]*\.pem\) *:.*/\1:\2/p' $(file))
requests := $(foreach each,$(lines),$(firstword $(subst :, ,$(each))))
certificates := $(foreach each,$(lines),$(lastword $(subst :, ,$(each))))

# What is to be signed is told by what files hold, not by their times: sign.sh compares sums,
# tls-scaffold looks at the certificates, and signs all in one process.
goals := $(or $(MAKECMDGOALS),all)
named := ca renew regenerate clean rbac rbac-enable prove status check cfssl help $(requests)
again := $(filter req set,$(goals))
others := $(filter-out $(named) $(certificates),$(goals))
ifneq ($(SIGNER),cfssl)
wanted := $(if $(again),sign-again,$(if $(others),sign))
else ifneq ($(again),)
wanted := $(requests)
else ifneq ($(others),)
wanted := $(shell sh sign.sh changed || echo failed)
$(if $(filter failed,$(wanted)),$(error sign.sh can't tell what to sign))
$(if $(wanted),,$(info nothing to sign: the certificates are what their requests ask for))
endif
certificate = $(or $(patsubst $@:%,%,$(filter $@:%,$(lines))),$@)
sign = @sh sign.sh $(if $(again)$(filter $@,$(goals)),again,changed) $(certificate)
own = tls-scaffold sign --own-lines $(if $(TLS_SCAFFOLD_INTO),--into $(TLS_SCAFFOLD_INTO))

.PHONY: all req set sign sign-again always $(named)
.PRECIOUS: $(certificates)
.SUFFIXES:

req set: $(wanted)
$(certificates) $(requests): | ca
$(certificates): always

ca: $(filter sign sign-again,$(wanted)) ## make the CA if there is none
	@sh sign.sh ca

sign sign-again:
	@sh sign.sh need tls-scaffold && exec $(own) $(if $(again),--force)

renew: ## sign again what expires within RENEW_DAYS (30) days
	@sh sign.sh renew

regenerate: ## a new CA and everything signed by it; the old set goes to archive/
	@sh sign.sh regenerate

clean: ## move certs/ and its record to archive/: a CA's key is never deleted
	@sh sign.sh clean

rbac: ## bring etcd's users, roles and permissions in line
	@sh rbac.sh

rbac-enable: ## switch authentication on, once root's certificate works at every member
	@sh rbac.sh --enable $(if $(ONLY_GIVEN),--only-given)

prove status check: ## try every permission; show what ends when; look for mistakes (tls-scaffold)
	@sh sign.sh need tls-scaffold && tls-scaffold $@

cfssl: ## install cfssl and cfssljson with Go
	@sh sign.sh need go
	go install github.com/cloudflare/cfssl/cmd/cfssl@v$(CFSSL_VERSION)
	go install github.com/cloudflare/cfssl/cmd/cfssljson@v$(CFSSL_VERSION)
	@command -v cfssl >/dev/null && command -v cfssljson >/dev/null || \
	  { bin=$$(go env GOBIN) && echo "put $${bin:-$$(go env GOPATH)/bin} on the PATH" >&2; }

help: ## list the targets
	@sed -n 's/^\([a-z -]*\):.*## /\1	/p' tls-scaffold.mk
	@printf '%s\tsign this one again\n' req $(requests)
