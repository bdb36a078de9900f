# Two commands do everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# What the demo and every command need; and with what tests and checks need besides.
INSTALLED := .venv/installed
COMPLETE := .venv/complete
# jsii and the CDK CLI run on the Node that comes with the virtual environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# What Node compiles of the CDK is kept: two seconds of each synthesis but the first.
export NODE_COMPILE_CACHE := $(CURDIR)/.contender/node
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_update_notifier := false
export npm_config_loglevel := error
# Where it is set, every process of the tests would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

# The CDK's command line, in the version that deploys.
CDK = $(shell sed -n 's/^PACKAGE = "\(.*\)"/\1/p' delivery/cdk.py)

SPREAD := $(BIN)/python -m pytest -p tests.forked_workers
EVERY_TEST := $(SPREAD) -n 3 --dist loadscope --no-loadscope-reorder

.PHONY: help install install-dev demo down test test-fast properties coverage state-machines life-cycle browser chaos storm test-containers fuzz bench bench-serving check audit docs docs-pages sbom diff deploy smoke roll-back train due compare comment title required secrets image release publish format lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED) ## set up .venv with what the demo and all commands need

install-dev: $(COMPLETE) ## add what tests and checks need; they do it themselves

# Where only pip is set up for the packages' index, uv fails; pip is slower.
ALIVE = localcloud/with_dots.sh
BY_PIP = $(PYTHON) -m pip --python $(BIN)/python install -q --no-deps

# pip fetches uv alone, held to its hash; uv installs in parallel, pip too, and says what it downloads. The machine's own
# pip does it where there is one: to unpack another takes seconds.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 …")'
	@echo "setting up .venv, once: 1 of 3, Python and uv, which installs the rest"
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.txt > .venv/uv.txt
	@$(ALIVE) sh -c '$(PYTHON) -m pip --python $(BIN)/python install -q --require-hashes --no-deps -r .venv/uv.txt 2> .venv/pip.txt' \
		|| $(ALIVE) sh -c '$(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q --require-hashes --no-deps -r .venv/uv.txt'
	@echo "2 of 3, packages: some 400 MB are downloaded"
	@$(ALIVE) $(BIN)/python -m localcloud.package_installer -r requirements.txt || $(BY_PIP) --require-hashes -r requirements.txt
	@echo "3 of 3, Contender itself"
	@$(ALIVE) $(BIN)/python -m localcloud.package_installer --quiet -e . || $(BY_PIP) -e .
	@$(ALIVE) $(BIN)/contender demo --help > /dev/null # compiles what the demo imports
	@touch $@

$(COMPLETE): $(INSTALLED) tests/requirements.txt
	@echo "what tests and checks need besides, once"
	@$(ALIVE) $(BIN)/python -m localcloud.package_installer -r tests/requirements.txt || $(BY_PIP) --require-hashes -r tests/requirements.txt
	@touch $@

demo: $(INSTALLED) ## run the loop on five months of real flights: drift, challengers, predictions
	@$(BIN)/contender demo

down: $(INSTALLED) ## stop the local cloud
	@$(BIN)/contender down

test: $(COMPLETE) browser ## all tests, including those on the local cloud
	$(EVERY_TEST) --durations 25

test-fast: $(COMPLETE) ## unit tests in a minute: no cloud, no browser, no synthesis, no long training, few examples of each property
	$(SPREAD) -n 2 -q --hypothesis-profile fast -m 'not containers and not slow' \
		tests/unit --ignore tests/unit/training_image # whose libraries alone take half of the minute to load

properties: $(COMPLETE) ## property tests alone, each with all the examples it asks for, and others each time (PROFILE=full: the same)
	$(SPREAD) -n 3 -q --hypothesis-profile $(or $(PROFILE),thorough) -m 'hypothesis and not containers' tests/unit tests/handlers

state-machines: $(COMPLETE) ## the state machines' path cases on every engine that can be had (SFN_ENGINE=ministack-mocked: on that one)
	$(BIN)/python -m pytest -q tests/statemachines/test_engines.py --sfn-engine "$${SFN_ENGINE:-all}"

life-cycle: $(COMPLETE) ## two environments on an emulated account: deployed, changed, destroyed by the CDK itself; a model from one to the other
	$(BIN)/python -m pytest -q -m life_cycle tests/stacks tests/e2e

coverage: $(COMPLETE) browser ## all tests, with line and branch coverage, as reports/coverage.xml and reports/junit.xml
	$(EVERY_TEST) --cov --cov-report term --cov-report xml:reports/coverage.xml --junit-xml reports/junit.xml; \
		status=$$?; $(BIN)/python -m delivery summary && exit $$status

test-containers: $(COMPLETE) ## test the loop in containers of the built image; starts a Docker engine if none runs
	localcloud/base_image.sh
	$(BIN)/python -m pytest tests/containers -m containers

fuzz: $(COMPLETE) ## fuzz every parser of what people send, and the API, half an hour each; what was found is kept in .contender/fuzz
	$(BIN)/python -m tests.fuzz

browser: $(COMPLETE) ## find the browser that tests use; install Debian's if there is none
	@$(BIN)/python -m tests.browser.chromium

chaos: $(COMPLETE) ## simulate 10,000 schedules with faults and every fault point, and try the reference model (SEED=… SCHEDULES=…)
	$(BIN)/python -m tests.simulation.chaos --seed $(or $(SEED),0) --schedules $(or $(SCHEDULES),10000)
	$(if $(SCHEDULES),,$(BIN)/python -m pytest -q -m chaos tests/simulation tests/localcloud/test_reference_model.py)

storm: $(COMPLETE) ## on local clouds: 1,000 uploads within a minute, kills of any process, damage of all that is stored (UPLOADS=200: the storm alone)
	$(if $(UPLOADS),UPLOADS=$(UPLOADS) )$(BIN)/python -m pytest -q -m chaos tests/e2e/test_storm.py $(if $(UPLOADS),,tests/localcloud/durable tests/e2e/test_damage.py)

bench: $(COMPLETE) ## measure speed and error rates, compared with other tools; fails if a stated figure is missed
	$(BIN)/python -m benchmarks

bench-serving: $(COMPLETE) ## measure serving, compared with other tools: start, responses, memory, size; fails likewise
	$(BIN)/python -m benchmarks --only serving

check: $(COMPLETE) ## format, lint, types, import law, templates, the state machine's definition, scans
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy contender lambdas serving_image training_image stacks localcloud scans delivery documentation
	$(BIN)/lint-imports
	npx --yes asl-validator@4.0.0 $(addprefix --json-path ,$(wildcard statemachines/*.asl.json))
	npx --yes $(CDK) --version # fetched once, then run twice at a time
	printf '%s\n' dev prod | xargs -P 2 -I STAGE npx --yes $(CDK) synth --quiet --output cdk.out/STAGE -c env=STAGE -c alarm_emails=oncall@example.com '**'
	$(BIN)/cfn-lint --ignore-checks W3005 -- cdk.out/*/assembly-*/*.template.json # the CDK repeats what Ref implies
	printf '%s\n' templates secrets packages workflows | xargs -P 2 -I SCAN $(BIN)/python -m scans SCAN

audit: $(INSTALLED) ## look for known vulnerabilities of all pinned packages (ANSWER=required: a scan that could not be made fails)
	$(BIN)/python -m scans packages $(if $(ANSWER),--answer $(ANSWER))

secrets: $(INSTALLED) ## look for secrets in every commit that there is, with gitleaks (ANSWER=required: the same)
	$(BIN)/python -m scans history $(if $(ANSWER),--answer $(ANSWER))

docs: $(INSTALLED) ## build the documentation site into site/; a broken link, a missing anchor or a lost page fails
	$(BIN)/python -m documentation build

docs-pages: $(COMPLETE) ## write the generated pages of the documentation anew
	$(BIN)/python -m documentation reference

sbom: $(INSTALLED) ## write bills of materials (CycloneDX) of functions, serving and image to sbom/
	$(BIN)/python -m scans sbom

# What the workflows in .github/workflows/ run, and docs/delivery.md describes. STAGE is an environment. Variables are
# read by the shell, from make's command line or the environment, so that nothing in them is taken for a command.
DELIVERY = $(BIN)/python -m delivery

diff: $(INSTALLED) ## show what deploying a stage would change: make diff STAGE=dev
	$(DELIVERY) diff "$$STAGE"

deploy: $(INSTALLED) ## deploy a stage, after a look at credentials, account and stacks: make deploy STAGE=dev
	$(DELIVERY) deploy "$$STAGE"

smoke: $(INSTALLED) ## ask a deployed stage for predictions, and remember its templates if it answers as it should
	$(DELIVERY) smoke "$$STAGE"

roll-back: $(INSTALLED) ## deploy the templates that a stage last passed its smoke test with
	$(DELIVERY) roll-back "$$STAGE"

due: ## tell whether a training is to be started now (BECAUSE=schedule: every 15 hours)
	@$(PYTHON) -m delivery.training "$${BECAUSE:-hand}"

train: $(INSTALLED) ## train challengers of a deployed stage and wait for the verdicts (PIPELINE=… for one)
	$(DELIVERY) train "$$STAGE" "$${BECAUSE:-hand}" "$$PIPELINE"

compare: $(INSTALLED) ## replay two commits on the same history: make compare BASE=main HEAD=my-branch
	$(DELIVERY) compare "$${BASE:-main}" "$${HEAD:-HEAD}" "$$HISTORY"

comment: $(INSTALLED) ## write FILE as a comment of pull request PULL_REQUEST, in place of the one before
	$(DELIVERY) comment "$$FILE"

title: ## check a title of a pull request: make title TITLE='fix: …'
	@$(PYTHON) -m delivery.titles "$$TITLE"

required: ## check that the jobs a merge needs have all succeeded (NEEDS, as GitHub tells it)
	@$(PYTHON) -m delivery.required

# The labels that the CDK gives its image too: the version, and the digest of the code that trains. Neither needs an installation.
SAYS = "$$($(PYTHON) -c 'from pathlib import Path; import contender; from contender.training import fingerprint; print($(1))')"

image: ## build an image as contender-IMAGE:scan: make image IMAGE=training (or serving)
	docker build --tag contender-$(or $(IMAGE),training):scan --file $(or $(IMAGE),training)_image/Dockerfile \
		$(if $(PIP_INDEX_URL),--build-arg PIP_INDEX_URL) --build-arg VERSION=$(call SAYS,contender.__version__) \
		--build-arg REVISION=$(call SAYS,fingerprint.code_sha256(Path())) .

release: $(INSTALLED) ## build what a release consists of into dist/: wheel, bills of materials, notes of the version
	rm -rf dist
	$(DELIVERY) notes
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		$(BIN)/uv build --quiet --wheel --build-constraints delivery/tools/wheel.txt --require-hashes --out-dir dist .
	rm -rf build # setuptools' own copy of the sources
	$(BIN)/python -m scans sbom
	cp sbom/*.cdx.json dist/

publish: $(INSTALLED) ## put dist/ into CodeArtifact and onto the release's page, and both images into ECR
	$(MAKE) image IMAGE=training
	$(MAKE) image IMAGE=serving
	$(DELIVERY) publish

format: $(COMPLETE) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(COMPLETE) ## pin the requirements of project and image, with hashes
	$(BIN)/uv pip compile tests/requirements.in -o tests/requirements.txt --generate-hashes --universal --python-version 3.11 -q --no-header
	$(BIN)/uv pip compile requirements.in -c tests/requirements.txt -o requirements.txt \
		--generate-hashes --universal --python-version 3.11 -q --no-header
	$(BIN)/uv pip compile training_image/requirements.in -c requirements.txt -o training_image/requirements.txt \
		--generate-hashes --python-version 3.13 --python-platform x86_64-manylinux_2_28 -q --no-header
	$(BIN)/uv pip compile serving_image/requirements.in -c requirements.txt -o serving_image/requirements.txt \
		--generate-hashes --python-version 3.13 --python-platform x86_64-manylinux_2_28 -q --no-header
	for tool in $(basename $(wildcard localcloud/tools/*.in scans/tools/*.in documentation/tools/*.in delivery/tools/*.in)); do \
		without=$$(test ! -f $$tool.without || echo "--overrides $$tool.without"); \
		$(BIN)/uv pip compile $$tool.in -o $$tool.txt $$without --generate-hashes --universal --python-version 3.11 -q --no-header || exit 1; \
	done

clean: down ## stop the local cloud and delete its state
	rm -rf .contender .coverage cdk.out reports dist site .pytest_cache .mypy_cache .ruff_cache
