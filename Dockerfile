# handshape with the build of torch for processors. Photos and cache are kept in the volume /data.
#
#     docker build -t handshape .
#     docker run --rm -p 8321:8321 -v handshape:/data handshape
#
# serves `asl`; the terminal shows the address with its token. Other commands follow the image's name:
#     docker run --rm -v "$PWD/photos:/photos:ro" -v handshape:/data handshape train /photos --out /data/runs/first
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE requirements.lock ./
COPY src src
ARG TORCH_BACKEND=cpu
RUN uv venv /opt/handshape \
 && uv pip install --no-cache --python /opt/handshape/bin/python ${TORCH_BACKEND:+--torch-backend $TORCH_BACKEND} \
    --constraint requirements.lock .

FROM python:3.13-slim
COPY --from=build /opt/handshape /opt/handshape
RUN useradd --create-home --uid 1000 handshape && install -d -o handshape /data
USER handshape
WORKDIR /data
ENV PATH=/opt/handshape/bin:$PATH XDG_CACHE_HOME=/data/cache
VOLUME /data
EXPOSE 8321
HEALTHCHECK CMD python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:8321/healthz')"
ENTRYPOINT ["handshape"]
CMD ["serve", "asl", "--host", "0.0.0.0", "--no-open", "--teach", "/data/photos"]
