-- What mutations and answers have changed of an endpoint that the configuration names.
ALTER TABLE "DeliveryDestination"
  ADD COLUMN "disabled" TEXT,
  ADD COLUMN "enabledAt" TIMESTAMPTZ(3);
