# Sluice in a container: no root, a read-only file system, one volume. See compose.example.yaml for how to run it.

FROM node:24-bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# better-sqlite3 is compiled, not downloaded ready-made: from the sources that the lock file vouches for, against the
# headers that this image has. So the build needs Debian's packages and the npm registry, and nothing else.
RUN npm_config_build_from_source=true npm_config_nodedir=/usr/local npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
# Pruning leaves the folders of scopes, compiling all that it went through.
RUN npx --no-install tsc -p tsconfig.json \
 && chmod +x dist/src/main.js \
 && npm prune --omit=dev --no-audit --no-fund \
 && cd node_modules/better-sqlite3 \
 && find build -type f ! -path build/Release/better_sqlite3.node -delete \
 && rm -r deps src \
 && find /app/node_modules -type d -empty -delete

FROM node:24-bookworm-slim
# Nothing is installed at run time, so no package manager of Node's is needed there.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn* \
 && cd /usr/local/bin \
 && rm -f npm npx corepack yarn yarnpkg \
 && ln -s /app/dist/src/main.js sluice \
 && install -d -o node -g node -m 700 /data
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/src ./dist/src
COPY config ./config
COPY LICENSE ./
# The user node, by number, so that a platform can see that it is not root.
USER 1000:1000
# Quarantine, database and spool; set dataDirectory: /data.
VOLUME /data
# mail, the page for recipients, monitoring
EXPOSE 2525 8080 9090
STOPSIGNAL SIGTERM
# Where status.listen is reached from inside; another port there needs another one here.
ENV SLUICE_HEALTH_URL=http://127.0.0.1:9090/healthz
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.SLUICE_HEALTH_URL).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/src/main.js"]
CMD ["run", "--config", "/etc/sluice/sluice.yaml"]
