# The front door. Settings: BUILD (build directory), PREFIX and DESTDIR (make install).
BUILD = build
PREFIX = /usr/local
BUILD_PACKAGES = g++ meson ninja-build pkg-config libuv1-dev libtomlplusplus-dev libboost-program-options-dev \
  nlohmann-json3-dev libsystemd-dev libmd-dev
DEMO_PACKAGES = python3 iproute2 nftables util-linux procps
TEST_PACKAGES = $(BUILD_PACKAGES) $(DEMO_PACKAGES) doctest-dev clang lld clang-format openssh-server openssh-client nmap haproxy \
  bird2 exabgp frr gobgpd openbgpd nginx-light openssl curl chromium

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	tests/kit/install-packages $(BUILD_PACKAGES)
	meson setup $(BUILD) -Dprefix=$(PREFIX)

demo:
	tests/kit/install-packages $(BUILD_PACKAGES) $(DEMO_PACKAGES)
	$(MAKE) all BUILD=$(BUILD)-demo
	tests/kit/demo $(BUILD)-demo

test:
	tests/kit/install-packages $(TEST_PACKAGES)
	$(MAKE) $(BUILD)/build.ninja
	meson configure $(BUILD) -Dtests=true
	tests/kit/test-all $(BUILD) $(BUILD)-sanitize

install: all
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

bench:
	tests/kit/install-packages $(BUILD_PACKAGES) $(DEMO_PACKAGES) haproxy socat bird2 frr nginx-light \
	  libnginx-mod-stream apache2-utils openssl
	tests/bench/run

fuzz:
	tests/kit/install-packages $(BUILD_PACKAGES) clang
	tests/fuzz/run

docs: all
	ninja -C $(BUILD) docs

.PHONY: all demo test install bench fuzz docs
