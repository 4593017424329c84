package app

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/audit"
)

// rotateIn seals again what is in db and puts that into the audit trail, whose
// entry has no actor: only the machine knows who runs the command.
func rotateIn(
	ctx context.Context, db *database.DB, box *encryption.Box, log *slog.Logger, progress func(models.KeyProgress),
) (models.KeyRotation, error) {
	sum, err := keyRotation(db, box).Run(ctx, progress)
	outcome := models.AuditSuccess
	if err != nil || sum.Unreadable > 0 {
		outcome = models.AuditFailed
	}
	trail := audit.NewTrail(repositories.NewAudit(db.Database()), repositories.NewUsers(db.Database()), log, time.Now)
	trail.Record(ctx, models.AuditEntry{Action: "keys.rotate", Outcome: outcome, Details: map[string]string{
		"key": box.Keys()[0], "rewritten": strconv.Itoa(sum.Rewritten), "unreadable": strconv.Itoa(sum.Unreadable),
	}})
	return sum, err
}
