# Two stages: what builds stays behind; what runs holds Python, the locked packages and the bot.
ARG PYTHON=3.13

FROM docker.io/library/python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# The lock before our own files, so that a change of ours does not fetch the packages again.
COPY requirements.txt requirements-dev.txt ./
RUN python -m venv /opt/darkroom \
 && /opt/darkroom/bin/python -m pip install --require-hashes --only-binary :all: -r requirements.txt
# The face detector, an optional extra (some 80 MB): --build-arg FACES=0 leaves it out.
ARG FACES=1
RUN sed -n '/^\(dlib-bin\|numpy\)==/,/# via/p' requirements-dev.txt > requirements-faces.txt \
 && if [ "$FACES" = 1 ]; then \
      /opt/darkroom/bin/python -m pip install --require-hashes --only-binary :all: -r requirements-faces.txt; \
    fi
# The build backend, from the same lock. A part forgotten here stops the build, since it would have no hash.
RUN sed -n '/^\(hatchling\|packaging\|pathspec\|pluggy\|tomlkit\|trove-classifiers\)==/,/# via/p' requirements-dev.txt \
    > requirements-build.txt \
 && python -m venv /opt/tools \
 && /opt/tools/bin/python -m pip install --require-hashes --only-binary :all: -r requirements-build.txt

COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY handlers handlers
COPY storage storage
RUN /opt/tools/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/darkroom/bin/python -m pip install --no-deps --no-index /dist/*.whl \
 && /opt/darkroom/bin/python -m pip check

FROM docker.io/library/python:${PYTHON}-slim
COPY --from=build /opt/darkroom /opt/darkroom
# A number and not a name, so that an orchestrator can see that it is not root.
RUN mkdir --mode 700 /data && chown 10001:10001 /data
USER 10001:10001
WORKDIR /data
VOLUME /data
ENV PATH=/opt/darkroom/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DARKROOM_DATA_DIR=/data \
    DARKROOM_WEB_HOST=0.0.0.0 \
    DARKROOM_WEB_PORT=8080
EXPOSE 8080
# Plain http.client: it heeds no proxy setting, and the image has no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
  "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['DARKROOM_WEB_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["darkroom"]
CMD ["run"]
